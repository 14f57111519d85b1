import type { NodeId } from "@outrider/contracts/ids";
import type { PowerState } from "@outrider/contracts/power";
import type { TextLine } from "../log/console-log.js";
import type { LineMatcher } from "./line-matcher.js";

/** Why something that was about to be done is not done any more. */
export class Overtaken extends Error {
  override readonly name = "Overtaken";
}

/** Something that a rule is about to do: waiting, or in the middle of it. */
export interface Firing {
  readonly rule: string;
  readonly isSilence: boolean;
  /** Whether it waits for its cooldown to end: a login in the meantime shows that there is no need any more. */
  waits: boolean;
  readonly overtaken: AbortController;
  /** Resolves when it has ended. */
  readonly ended: PromiseWithResolvers<void>;
}

/** What the rules know of one node as it is now. */
export class NodeWatch {
  /** Boots that were seen to begin. */
  boot = 0;
  /** Monotonic times of what silence is counted from. */
  lastByteMs: number | undefined;
  linkUpMs: number | undefined;
  /** The position in the log that the next byte will have. */
  heardTo = 0;
  /** Whether its supply can be known; undefined: that is not known itself. */
  hasPower: boolean | undefined;
  #toldLine = "";
  #told = new Set<string>();
  #supplyOnMs: number | undefined;
  #power: PowerState | undefined;
  readonly firings = new Map<string, Firing>();
  /** How a power action of a rule ended while its acceptance was still on its way. */
  readonly powerEnds = new Map<string, string>();
  passedOverToldMs = Number.NEGATIVE_INFINITY;

  constructor(
    readonly node: NodeId,
    readonly matcher: LineMatcher,
  ) {}

  /** What was about to be done on this node is not done. @param which all if missing */
  overtake(why: string, which: (firing: Firing) => boolean = () => true): void {
    for (const firing of this.firings.values()) {
      if (which(firing)) firing.overtaken.abort(new Overtaken(why));
    }
  }

  /** The rules that have spoken of this line, which is looked at as a prompt, and again once it has ended. */
  toldOf({ line, position }: TextLine): Set<string> {
    const which = `${line} ${position}`;
    if (which !== this.#toldLine) this.#told = new Set();
    this.#toldLine = which;
    return this.#told;
  }

  powerHeard(state: PowerState, nowMs: number): void {
    const isOn = state.supply.value === "On";
    if (!isOn) this.#supplyOnMs = undefined;
    else this.#supplyOnMs ??= nowMs;
    this.#power = state;
  }

  /** Whether the supply is known to be off: then nothing is switched on again by a rule. */
  get isOff(): boolean {
    const value = this.#power?.supply.value;
    return value === "Off" || value === "PoweringOff";
  }

  /**
   * Since when the console might have said something and has not: the supply is on, as far as is known now, or there is
   * no interface that could tell; the host has not halted; and the console is heard. Undefined when silence means nothing.
   */
  quietSinceMs(now: Date): number | undefined {
    const { supply, host } = this.#power ?? {};
    if (host?.value === "Halted" || this.linkUpMs === undefined) return undefined;
    if (this.hasPower === false) return Math.max(this.linkUpMs, this.lastByteMs ?? 0);
    if (supply?.value !== "On") return undefined;
    const isStale = now.getTime() > Date.parse(supply.observedAt) + supply.staleAfterMs;
    if (isStale || this.#supplyOnMs === undefined) return undefined;
    return Math.max(this.linkUpMs, this.#supplyOnMs, this.lastByteMs ?? 0);
  }
}
