import type { AlarmSeverity } from "@outrider/contracts/telemetry";
import type { AlarmRule } from "@outrider/contracts/telemetry-policy";
import {
  CALM,
  held,
  isPending,
  measured,
  measuredAtLeast,
  restored,
  severityOf,
  unknown,
  waited,
  type Condition,
} from "./condition.js";

/** What an alarm of a watch says when it is raised or becomes another one. */
export interface Said {
  readonly message: string;
  readonly value?: number | undefined;
  readonly limit?: number | undefined;
  readonly unit?: string | undefined;
}

/** One rule looking at one thing. */
export class Watch {
  #condition: Condition = CALM;
  #severity: AlarmSeverity | undefined;
  #words: (severity: AlarmSeverity) => Said = () => ({ message: "" });
  #delayMs: number;
  /** What was told last. */
  #told: string | undefined;

  /**
   * @param subject `node:n1` …
   * @param id of the alarm
   * @param name of the rule
   */
  constructor(
    readonly subject: string,
    readonly id: string,
    readonly name: string,
    readonly rule: AlarmRule,
  ) {
    this.#delayMs = rule.forMs;
  }

  /** What has been told last. */
  get severity(): AlarmSeverity | undefined {
    return this.#severity;
  }

  get isPending(): boolean {
    return isPending(this.#condition);
  }

  /** Whether it would do anything if nothing more came. */
  get isQuiet(): boolean {
    return this.#severity === undefined && !this.isPending;
  }

  /** @param message what was said of it; it is until it is looked at again */
  restore(severity: AlarmSeverity, nowMs: number, message = ""): void {
    this.#condition = restored(severity, nowMs);
    this.#severity = severity;
    this.#words = () => ({ message });
    this.#told = message;
  }

  /** Goes on where another rule of the same name has been. */
  inherit(other: Watch): void {
    this.#condition = other.#condition;
    this.#severity = other.#severity;
    this.#words = other.#words;
    this.#told = other.#told;
  }

  measure(value: number, nowMs: number, words: (severity: AlarmSeverity) => Said): void {
    this.#words = words;
    this.#condition = measured(this.#condition, this.rule, value, nowMs);
  }

  /** As much as that was measured, and it may be more. */
  measureAtLeast(value: number, nowMs: number, words: (severity: AlarmSeverity) => Said): void {
    this.#words = words;
    this.#condition = measuredAtLeast(this.#condition, this.rule, value, nowMs);
  }

  /**
   * @param leastMs how long it must hold at least, whatever the rule's delay
   * @param severity where it is another than the rule's
   */
  hold(
    holds: boolean,
    nowMs: number,
    words: (severity: AlarmSeverity) => Said,
    leastMs = 0,
    severity: AlarmSeverity = this.rule.severity ?? "Warning",
  ): void {
    if (holds) this.#words = words;
    const { forMs } = this.rule;
    this.#delayMs = Math.max(forMs, leastMs);
    this.#condition = held(this.#condition, severity, holds, nowMs, this.#delayMs);
  }

  /** It is certain, whatever the rule's delay. @param words missing: as before */
  assert(severity: AlarmSeverity, nowMs: number, words?: (severity: AlarmSeverity) => Said): void {
    if (words) this.#words = words;
    this.#condition = held(this.#condition, severity, true, nowMs, 0);
  }

  tick(nowMs: number): void {
    this.#condition = waited(this.#condition, nowMs, this.#delayMs);
  }

  /** It is not known any more how it is. */
  lose(): void {
    this.#condition = unknown(this.#condition);
  }

  /** It is certain that nothing is wrong. */
  calm(): void {
    this.#condition = CALM;
  }

  /** @returns what is to be told since the last call; undefined: nothing */
  news(): { readonly severity: AlarmSeverity; readonly said: Said } | "over" | undefined {
    const severity = severityOf(this.#condition);
    if (severity === this.#severity) return undefined;
    this.#severity = severity;
    this.#told = undefined;
    if (severity === undefined) return "over";
    const said = this.#words(severity);
    this.#told = said.message;
    return { severity, said };
  }

  /** @returns what is to be said now of what was told before; undefined: the same */
  reworded(): { readonly severity: AlarmSeverity; readonly said: Said } | undefined {
    const severity = this.#severity;
    if (severity === undefined) return undefined;
    const said = this.#words(severity);
    if (said.message === "" || said.message === this.#told) return undefined;
    this.#told = said.message;
    return { severity, said };
  }
}
