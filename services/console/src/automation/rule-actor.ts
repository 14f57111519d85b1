import { milliseconds, type Clock } from "@outrider/contracts/clock";
import type { ConsoleRuleAction, RuleSign, SysRqName } from "@outrider/contracts/console";
import type { NodeId } from "@outrider/contracts/ids";
import type { Action } from "@outrider/contracts/power";
import { StorageError } from "@outrider/storage/storage-error";
import { ActRefused } from "../sessions/act-refused.js";
import type { Happening } from "../sessions/console-parts.js";
import { seemly } from "../sessions/seemly.js";
import { Overtaken, type Firing, type NodeWatch } from "./node-watch.js";
import type { PolicyPower } from "./policy-power.js";
import {
  AFTER_SYSRQ_MS,
  isExhausted,
  powerInMs,
  TOO_OLD_MS,
  tells,
  waitMs,
} from "./rule-limits.js";
import type { PendingPower, RuleRecords, RuleState } from "./rule-records.js";
import type { NamedRule } from "./rule-set.js";

/** What made a rule fire. */
export interface Match {
  /** Cleaned text; for silence a sentence. */
  readonly line: string;
  readonly atMicros: number;
  /** Where in the log it stands; undefined for silence. */
  readonly position: number | undefined;
  readonly sign?: RuleSign | undefined;
}

/** What rules do to the world. */
export interface RuleDeeds {
  readonly happened: (node: NodeId, event: Happening) => void;
  /** Keeps what stands around a match. @returns its id and size, or undefined where it could not be kept, which was said */
  readonly capture: (node: NodeId, rule: string, match: Match) => Promise<void>;
  /** Tells everybody who is at the console. */
  readonly warn: (node: NodeId, text: string) => void;
  /** @throws ActRefused */
  readonly sysrq: (node: NodeId, rule: string, keys: readonly SysRqName[]) => Promise<string>;
  readonly power: PolicyPower;
  /** Writes down that a rule is about to act on power. @throws StorageError: then it must not */
  readonly record: (node: NodeId, rule: string, action: Action, reason: string) => Promise<void>;
  /** Told of a defect: the process cannot go on. */
  readonly defect: (error: unknown) => void;
}

const LONGEST_LINE = 500;

/** Does what rules say once they fire, within their limits (P11). */
export class RuleActor {
  readonly #stopped = new AbortController();
  readonly #acting = new Set<Promise<void>>();

  constructor(
    private readonly records: RuleRecords,
    private readonly deeds: RuleDeeds,
    private readonly clock: Clock,
  ) {}

  fire(rule: NamedRule, watch: NodeWatch, match: Match): void {
    const record = this.records.of(rule.name, watch.node);
    const nowMs = this.clock.monotonicMs();
    record.matches += 1;
    record.lastMatchMs = Math.round(match.atMicros / 1000);
    this.records.touch(record);
    const acts = rule.actions.some(({ kind }) => kind === "sysrq" || kind === "power");
    const ageMs = this.clock.now().getTime() - match.atMicros / 1000;
    const isLate = ageMs > TOO_OLD_MS;
    let captured: Promise<void> | undefined;
    if (tells(record, watch.boot, nowMs, rule)) {
      record.toldMs = nowMs;
      record.toldBoot = watch.boot;
      if (does(rule, "event")) this.#tell(rule, record, match, isLate ? ageMs : undefined);
      record.untold = 0;
      if (does(rule, "capture")) captured = this.deeds.capture(watch.node, rule.name, match);
    } else record.untold += 1;
    if (captured) this.#run(captured);
    const before = watch.firings.get(rule.name);
    if (!acts || isLate || (before && !before.overtaken.signal.aborted)) return;
    if (record.latched && !does(rule, "sysrq")) return;
    this.#run(this.#act(rule, watch, record, match, { before: before?.ended.promise, captured }));
  }

  /** Nothing more is done; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Overtaken("the console service stops"));
    await Promise.all(this.#acting);
  }

  #tell(rule: NamedRule, record: RuleState, match: Match, lateMs: number | undefined): void {
    const { sign, line } = match;
    const text = seemly(line, LONGEST_LINE);
    const late =
      lateMs === undefined
        ? ""
        : ` (said ${Math.round(lateMs / 1000)} s ago and heard now: nothing was done about it)`;
    this.deeds.happened(record.node, {
      severity: rule.severity,
      kind: sign === undefined ? "console-rule" : `console-${sign}`,
      message: `${sign ?? rule.name}: ${text}${late}`,
      data: {
        rule: rule.name,
        line: text,
        at: new Date(match.atMicros / 1000).toISOString(),
        ...(match.position === undefined ? {} : { position: match.position }),
        ...(record.untold > 0 ? { untold: record.untold } : {}),
        ...(lateMs === undefined ? {} : { late: true }),
        ...(record.latched ? { latched: true } : {}),
      },
    });
  }

  async #act(
    rule: NamedRule,
    watch: NodeWatch,
    record: RuleState,
    match: Match,
    after: {
      readonly before: Promise<void> | undefined;
      readonly captured: Promise<void> | undefined;
    },
  ): Promise<void> {
    const firing: Firing = {
      rule: rule.name,
      isSilence: rule.silenceMs !== undefined,
      waits: false,
      overtaken: new AbortController(),
      ended: Promise.withResolvers(),
    };
    watch.firings.set(rule.name, firing);
    const signal = AbortSignal.any([firing.overtaken.signal, this.#stopped.signal]);
    const { action: about } = rule.actions.find(({ kind }) => kind === "power") ?? {};
    let isInterrupted = false;
    let isWarned = false;
    try {
      await after.before;
      if (about && !record.latched) this.#intend(record, { action: about, state: "waits" });
      // What came in the same batch is looked at first: it may be the next start already.
      await this.clock.sleep(milliseconds(0), signal);
      const pauseMs = waitMs(record, this.clock.monotonicMs(), rule);
      if (about && !record.latched) {
        isWarned = this.#warn(rule, watch, record, about, pauseMs, after.captured !== undefined);
      }
      if (pauseMs > 0) {
        firing.waits = true;
        await this.clock.sleep(milliseconds(pauseMs), signal);
        firing.waits = false;
      }
      let pressed = false;
      for (const action of rule.actions) {
        if (action.kind === "capture") await after.captured;
        signal.throwIfAborted();
        if (action.kind === "sysrq") pressed = await this.#press(rule, record, action);
        if (action.kind !== "power" || action.action === undefined) continue;
        if (pressed) await this.clock.sleep(milliseconds(AFTER_SYSRQ_MS), signal);
        await this.#power(rule, watch, record, match, action.action, signal);
      }
    } catch (error) {
      if (!(error instanceof Overtaken)) throw error;
      // Who is told by a process that ends? The next one tells it.
      isInterrupted = this.#stopped.signal.aborted && record.pending !== undefined;
      if (!isInterrupted) this.#say(rule, record, "info", `not done: ${error.message}`);
      if (isWarned) {
        const why = `${about} is not done by rule ${rule.name}: ${error.message}`;
        this.deeds.warn(watch.node, why);
      }
    } finally {
      if (!isInterrupted && record.pending) {
        record.pending = undefined;
        this.records.touch(record);
      }
      if (watch.firings.get(rule.name) === firing) watch.firings.delete(rule.name);
      firing.ended.resolve();
    }
  }

  /** Whoever is at the console hears of it while they can still stop it. @returns whether there is something to tell */
  #warn(
    rule: NamedRule,
    watch: NodeWatch,
    record: RuleState,
    action: Action,
    pauseMs: number,
    isCaptured: boolean,
  ): boolean {
    if (watch.isOff || isExhausted(record.powerActions, rule)) return false;
    const inMs = powerInMs(pauseMs, { captures: isCaptured, presses: does(rule, "sysrq") });
    const text =
      inMs === 0
        ? `does ${action} now`
        : `will do ${action} in ${Math.round(inMs / 1000)} s; a lock or a power action of yours stops it`;
    this.deeds.warn(record.node, `rule ${rule.name} ${text}`);
    return true;
  }

  /** Keeps what is about to be done. Where that cannot be stored, a restart that comes now stays untold. */
  #intend(record: RuleState, pending: PendingPower): void {
    record.pending = pending;
    const stored = this.records.store(record).catch((error: unknown) => {
      if (!(error instanceof StorageError)) throw error;
    });
    this.#run(stored);
  }

  async #press(
    rule: NamedRule,
    record: RuleState,
    { sysrq = [] }: ConsoleRuleAction,
  ): Promise<boolean> {
    record.actedMs = this.clock.monotonicMs();
    this.records.touch(record);
    try {
      this.#say(rule, record, "notice", await this.deeds.sysrq(record.node, rule.name, sysrq));
      return true;
    } catch (error) {
      if (!(error instanceof ActRefused)) throw error;
      this.#say(rule, record, "warning", `SysRq ${sysrq.join(", ")}: ${error.message}`);
      return false;
    }
  }

  async #power(
    rule: NamedRule,
    watch: NodeWatch,
    record: RuleState,
    match: Match,
    action: Action,
    signal: AbortSignal,
  ): Promise<void> {
    const { node } = record;
    if (record.latched) return;
    if (watch.isOff) throw new Overtaken("the supply is off");
    if (isExhausted(record.powerActions, rule)) return this.#latch(rule, record, action);
    const reason = `console rule ${rule.name}: ${seemly(match.line, 300)}`;
    record.powerActions += 1;
    record.pending = { action, state: "asked" };
    record.actedMs = this.clock.monotonicMs();
    try {
      await this.records.store(record);
      await this.deeds.record(node, rule.name, action, reason);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      record.powerActions -= 1;
      const why = `${action} was not done because it could not be recorded: ${error.message}`;
      return this.#say(rule, record, "error", why);
    }
    signal.throwIfAborted();
    watch.powerEnds.delete(rule.name);
    const outcome = await this.deeds.power(node, action, rule.name, reason, signal);
    if (outcome.kind !== "done" && this.#stopped.signal.aborted) signal.throwIfAborted();
    if (outcome.kind === "refused") record.powerActions -= 1;
    const count =
      outcome.kind === "refused"
        ? ""
        : ` (${record.powerActions} of ${rule.maxPowerActions} without a login)`;
    const severity = outcome.kind === "done" ? "notice" : "warning";
    this.#say(rule, record, severity, `${outcome.detail}${count}`, { action });
    const end = watch.powerEnds.get(rule.name);
    if (end !== undefined && outcome.kind !== "refused") record.detail = end;
  }

  async #latch(rule: NamedRule, record: RuleState, action: Action): Promise<void> {
    const { node, powerActions } = record;
    record.latched = true;
    const detail = `${powerActions} power actions have brought ${node} to no login, so ${action} is not done any more; look at its console, then switch it On, or clear the rule`;
    this.#say(rule, record, "error", detail, { latched: true }, "console-rule-latched");
    try {
      await this.records.store(record);
    } catch (error) {
      // It is stored later; in this process it holds already.
      if (!(error instanceof StorageError)) throw error;
    }
  }

  #say(
    rule: NamedRule,
    record: RuleState,
    severity: Happening["severity"],
    detail: string,
    data: object = {},
    kind = "console-rule",
  ): void {
    record.detail = detail.slice(0, 500);
    this.records.touch(record);
    this.deeds.happened(record.node, {
      severity,
      kind,
      message: `rule ${rule.name}: ${seemly(detail, 800)}`,
      data: { rule: rule.name, ...data },
    });
  }

  #run(doing: Promise<void>): void {
    const run = doing
      .catch((error: unknown) => this.deeds.defect(error))
      .then(() => void this.#acting.delete(run));
    this.#acting.add(run);
  }
}

function does({ actions }: NamedRule, kind: ConsoleRuleAction["kind"]): boolean {
  return actions.some((action) => action.kind === kind);
}
