import { minutes, seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import { isNodeId } from "@outrider/contracts/ids";
import type { NodeEvent } from "@outrider/contracts/node";
import type { AlarmState } from "@outrider/contracts/telemetry";
import type { AlarmRecords, AlarmsAsked } from "@outrider/contracts/telemetry-pages";
import { RequestError } from "@outrider/messaging/request-error";
import type { Session } from "@outrider/messaging/session";
import type { Storage } from "@outrider/storage/storage";
import { fromJson } from "@outrider/storage/values";
import type { EventLog } from "../events/event-log.js";
import type { AlarmHealth } from "../state/alarm-health.js";
import type { Point } from "../store/store.js";
import type { AlarmId, Findings } from "./alarm-engine.js";
import {
  alarmKey,
  nodeOfSubject,
  type Alarm,
  type Finding,
  type Place,
  type Standing,
  type Turn,
} from "./alarm.js";
import { pointOf, recordOf, stateOf, statementOf } from "./alarm-forms.js";
import { AlarmHistory } from "./alarm-history.js";
import { AlarmTopics } from "./alarm-topics.js";
import type { Ledger } from "./ledger.js";
import { Rewordings } from "./rewordings.js";

/** An alarm that turns so often in this span comes and goes: it is kept raised until it has been quiet for as long. */
const FLAPS_AT = 5;
const FLAP_SPAN = minutes(10);
const TICK = seconds(1);
/** What stands is stored again each minute, so that whoever looks at one minute sees it. */
const STORE = minutes(1);

interface Flapping {
  /** When it is over; undefined: it is not. */
  clearAtMs: number | undefined;
  /** When it turned last. */
  turnedMs: number;
  /** What was found since and not told. */
  latest: Finding | undefined;
}

export interface AlarmBookParts {
  readonly storage: Storage;
  readonly ledger: Ledger;
  readonly events: EventLog;
  readonly session: Session;
  readonly clock: Clock;
  readonly health: AlarmHealth;
  readonly put: (points: readonly Point[]) => void;
}

/** Alarms from their raising to their end: kept over restarts, said on the bus, told as events. */
export class AlarmBook implements Findings {
  readonly #standing = new Map<string, Standing>();
  /** Ids of those that stand, with their severity, by subject. */
  readonly #bySubject = new Map<string, Map<string, Alarm["severity"]>>();
  readonly #flapping = new Map<string, Flapping>();
  readonly #turns = new Map<string, number[]>();
  readonly #reworded = new Rewordings();
  #seq = 0;
  #changed: (alarm: Standing) => void = () => undefined;
  #stopTicking: (() => void) | undefined;
  #stopStoring: (() => void) | undefined;

  readonly #history: AlarmHistory;
  readonly #topics: AlarmTopics;

  constructor(private readonly parts: AlarmBookParts) {
    this.#history = new AlarmHistory({ ...parts, newest: () => this.#seq });
    this.#topics = new AlarmTopics(parts.session);
  }

  /** Takes up what stood before. @throws StorageError */
  async start(): Promise<void> {
    const { storage, clock } = this.parts;
    const last = await storage.get<{ seq: number | null }>(
      "SELECT MAX(seq) AS seq FROM telemetry_alarms",
    );
    this.#seq = last?.seq ?? 0;
    const rows = await storage.all<{ seq: number; alarm: string }>(
      "SELECT seq, alarm FROM telemetry_alarms WHERE cleared_ms IS NULL ORDER BY seq",
    );
    this.#topics.start();
    for (const { seq, alarm } of rows) {
      const standing = { ...fromJson<Alarm>(alarm), seq };
      this.#keep(standing);
      this.#publish(standing);
    }
    this.#history.start();
    this.#stopTicking = clock.every(TICK, () => this.#tick());
    this.#stopStoring = clock.every(STORE, () => this.#store(this.#standing.values()));
  }

  stop(): void {
    this.#reword();
    this.#stopTicking?.();
    this.#stopStoring?.();
    this.#history.stop();
  }

  /** Told of each alarm that has turned, once that is written down. */
  onChange(changed: (alarm: Standing) => void): void {
    this.#changed = changed;
  }

  /** @param hasDuties whether something hangs on the agent: its health is told as long as it does */
  agentDeclared(agent: string, hasDuties: boolean): void {
    this.#topics.agentDeclared(agent, hasDuties);
  }

  get standing(): Iterable<Standing> {
    return this.#standing.values();
  }

  found(finding: Finding, place: Place): void {
    const key = alarmKey(finding);
    const before = this.#standing.get(key);
    const flapping = this.#flapping.get(key);
    if (before && flapping) return this.#cameAgain(before, flapping, finding);
    if (before) return this.#change(before, finding);
    const turns = this.#turned(key);
    const alarm: Standing = {
      ...finding,
      ...(turns >= FLAPS_AT ? { message: comesAndGoes(finding.message, turns) } : {}),
      place,
      raisedAt: timestamp(this.parts.clock),
      seq: ++this.#seq,
    };
    void this.#turn(alarm, "raised", alarm.message);
  }

  reworded(finding: Finding): void {
    const key = alarmKey(finding);
    const before = this.#standing.get(key);
    // What comes and goes keeps the words that say so.
    if (!before || this.#flapping.has(key) || before.severity !== finding.severity) return;
    if (before.message === finding.message) return;
    const alarm = { ...before, ...finding };
    this.#keep(alarm);
    this.#reworded.add(key);
  }

  over({ subject, id }: AlarmId, why?: string): void {
    const key = alarmKey({ subject, id });
    const alarm = this.#standing.get(key);
    if (!alarm) return;
    const flapping = this.#flapping.get(key);
    if (flapping && why === undefined) {
      const nowMs = this.parts.clock.monotonicMs();
      flapping.clearAtMs = nowMs + FLAP_SPAN;
      flapping.turnedMs = nowMs;
      return;
    }
    this.#clear(alarm, why);
  }

  /** Somebody has seen it. @throws RequestError `not-found` */
  async acknowledge(
    { subject, id }: AlarmId,
    actor: string,
    comment: string | undefined,
  ): Promise<AlarmState> {
    const before = this.#standing.get(alarmKey({ subject, id }));
    if (!before) {
      throw new RequestError("not-found", `there is no alarm ${id} of ${subject}; it may be over`);
    }
    const at = timestamp(this.parts.clock);
    const acknowledged = { actor, at, ...(comment === undefined ? {} : { comment }) };
    const alarm = { ...before, acknowledged };
    const said = comment === undefined ? "" : `: ${comment}`;
    await this.#turn(alarm, "acknowledged", `${actor} has seen ${id}${said}`);
    return stateOf(alarm);
  }

  /** Newest first. @throws StorageError; the signal's reason */
  async alarms(asked: AlarmsAsked, signal: AbortSignal): Promise<AlarmRecords> {
    const { state, severity, before = Number.MAX_SAFE_INTEGER, limit } = asked;
    const nodes = asked.nodes && new Set<string>(asked.nodes);
    const fits = (alarm: Standing): boolean => {
      if (alarm.seq >= before || (severity && alarm.severity !== severity)) return false;
      const node = nodeOfSubject(alarm.subject);
      return !nodes || (node !== undefined && nodes.has(node));
    };
    const found = state === "cleared" ? [] : [...this.#standing.values()].filter(fits);
    if (state !== "active") found.push(...(await this.#history.cleared(asked, limit + 1, signal)));
    const ordered = found.toSorted((a, b) => b.seq - a.seq);
    const alarms = ordered.slice(0, limit);
    const last = alarms.at(-1);
    return {
      alarms: alarms.map(recordOf),
      ...(ordered.length > limit && last ? { next: last.seq } : {}),
    };
  }

  /** An alarm by its place in the history. @throws StorageError */
  async bySeq(seq: number): Promise<Standing | undefined> {
    for (const alarm of this.#standing.values()) if (alarm.seq === seq) return alarm;
    const row = await this.parts.storage.get<{ alarm: string }>(
      "SELECT alarm FROM telemetry_alarms WHERE seq = ?",
      [seq],
    );
    return row && { ...fromJson<Alarm>(row.alarm), seq };
  }

  #change(before: Standing, finding: Finding): void {
    const key = alarmKey(before);
    const turns = this.#turned(key);
    // What is worse than what somebody has seen, nobody has seen.
    const isWorse = finding.severity === "Critical" && before.severity !== "Critical";
    const { acknowledged, ...rest } = before;
    const alarm: Standing = {
      ...rest,
      ...finding,
      ...(turns >= FLAPS_AT ? { message: comesAndGoes(finding.message, turns) } : {}),
      ...(acknowledged && !isWorse ? { acknowledged } : {}),
    };
    void this.#turn(alarm, "changed", alarm.message);
  }

  /** One that comes and goes is found again: only that it is worse is told. */
  #cameAgain(before: Standing, flapping: Flapping, finding: Finding): void {
    flapping.turnedMs = this.parts.clock.monotonicMs();
    flapping.latest = finding;
    const isAgain = flapping.clearAtMs !== undefined;
    flapping.clearAtMs = undefined;
    const flaps = (before.flaps ?? 0) + (isAgain ? 1 : 0);
    const alarm = { ...before, ...(flaps > 0 ? { flaps } : {}) };
    this.#standing.set(alarmKey(alarm), alarm);
    if (finding.severity === "Critical" && before.severity !== "Critical")
      this.#change(alarm, finding);
  }

  /** How often it has turned of late, with this time. From a number on it comes and goes. */
  #turned(key: string): number {
    const nowMs = this.parts.clock.monotonicMs();
    const turns = (this.#turns.get(key) ?? []).filter((atMs) => nowMs - atMs < FLAP_SPAN);
    turns.push(nowMs);
    this.#turns.set(key, turns.slice(-FLAPS_AT * 2));
    if (turns.length >= FLAPS_AT && !this.#flapping.has(key)) {
      this.#flapping.set(key, { clearAtMs: undefined, turnedMs: nowMs, latest: undefined });
    }
    return turns.length;
  }

  #clear(before: Standing, why?: string): void {
    const key = alarmKey(before);
    this.#flapping.delete(key);
    const alarm = { ...before, clearedAt: timestamp(this.parts.clock) };
    const flaps = before.flaps === undefined ? "" : `; it came and went ${before.flaps} times`;
    void this.#turn(
      alarm,
      "cleared",
      `over${why === undefined ? "" : `, as ${why}`}${flaps}: ${before.message}`,
    );
  }

  /** Says and writes what has other words: a few, and in the database only where nothing that turned waits for it. */
  #reword(): void {
    for (const key of this.#reworded.toSay()) {
      const alarm = this.#standing.get(key);
      if (alarm) this.#publish(alarm);
    }
    if (this.parts.ledger.isBehind) return;
    const statements = this.#reworded.toWrite().flatMap((key) => {
      const alarm = this.#standing.get(key);
      return alarm ? [statementOf(alarm)] : [];
    });
    if (statements.length > 0) void this.parts.ledger.put(statements);
  }

  #tick(): void {
    this.#reword();
    const nowMs = this.parts.clock.monotonicMs();
    for (const [key, turns] of this.#turns) {
      if (nowMs - (turns.at(-1) ?? 0) >= FLAP_SPAN) this.#turns.delete(key);
    }
    for (const [key, { clearAtMs, turnedMs, latest }] of this.#flapping) {
      const alarm = this.#standing.get(key);
      if (!alarm) this.#flapping.delete(key);
      else if (clearAtMs !== undefined) {
        if (nowMs >= clearAtMs) this.#clear(alarm);
      } else if (nowMs - turnedMs >= FLAP_SPAN) {
        this.#flapping.delete(key);
        if (latest && latest.severity !== alarm.severity) this.#change(alarm, latest);
      }
    }
  }

  /** Takes what an alarm has become: in memory at once, then written, then told. */
  async #turn(alarm: Standing, turn: Turn, message: string): Promise<void> {
    const { ledger, events } = this.parts;
    const key = alarmKey(alarm);
    this.#keep(alarm);
    this.#reworded.delete(key);
    if (turn !== "acknowledged") this.#store([alarm]);
    await ledger.put([statementOf(alarm)]);
    // Another turn may have come meanwhile: what stands now is said.
    this.#publish(this.#standing.get(key) ?? { ...alarm, clearedAt: alarm.clearedAt ?? "" });
    this.#changed(alarm);
    await events.happened({
      subject: alarm.subject,
      severity: EVENT_SEVERITY[turn] ?? (alarm.severity === "Critical" ? "critical" : "warning"),
      kind: `alarm-${turn}`,
      message,
      data: { alarm: alarm.id, rule: alarm.rule, severity: alarm.severity },
    });
  }

  #store(alarms: Iterable<Standing>): void {
    const atMs = this.parts.clock.now().getTime();
    this.parts.put(Array.from(alarms, (alarm) => pointOf(alarm, atMs)));
  }

  #publish(alarm: Standing): void {
    this.#topics.say(alarm, alarm.clearedAt === undefined ? stateOf(alarm) : undefined);
  }

  #keep(alarm: Standing): void {
    const { subject, id, severity } = alarm;
    const own = this.#bySubject.get(subject) ?? new Map<string, Alarm["severity"]>();
    if (alarm.clearedAt === undefined) {
      this.#standing.set(alarmKey(alarm), alarm);
      own.set(id, severity);
      this.#bySubject.set(subject, own);
    } else {
      this.#standing.delete(alarmKey(alarm));
      own.delete(id);
      if (own.size === 0) this.#bySubject.delete(subject);
    }
    const node = nodeOfSubject(subject);
    if (node === undefined || !isNodeId(node)) return;
    const severities = [...own.values()];
    const worst = severities.includes("Critical") ? "Critical" : severities[0];
    this.parts.health.set(node, worst);
  }
}

const EVENT_SEVERITY: Readonly<Partial<Record<Turn, NodeEvent["severity"]>>> = {
  acknowledged: "info",
  cleared: "notice",
};

function comesAndGoes(message: string, turns: number): string {
  return `${message} (it comes and goes: ${turns} times in 10 min; from now on only its end is told)`.slice(
    0,
    1000,
  );
}
