import { seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { AlarmSeverity } from "@outrider/contracts/telemetry";
import type { NotificationPolicy } from "@outrider/contracts/telemetry-policy";
import { mintId } from "@outrider/messaging/mint-id";
import type { Statement, Storage } from "@outrider/storage/storage";
import { fromJson, toJson } from "@outrider/storage/values";
import type { Standing } from "../alarms/alarm.js";
import type { Ledger } from "../alarms/ledger.js";
import type { Happened } from "../events/event-log.js";
import { ChannelQueue, type DeliveryProblem, type Queued } from "./channel-queue.js";
import { groupsOf } from "./grouping.js";
import { messageOf, type Change, type Message } from "./message.js";
import { Routing } from "./routing.js";
import type { Senders } from "./senders.js";

const TICK = seconds(1);

interface Told {
  severity: AlarmSeverity;
  /** Wall time. */
  toldMs: number;
}

interface Pending {
  readonly change: Change;
  /** Since when, by our monotonic clock. */
  readonly sinceMs: number;
}

export interface NotifierParts {
  readonly storage: Storage;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly senders: Pick<Senders, "send">;
  readonly happened: (happened: Happened) => void;
  readonly standing: () => Iterable<Standing>;
  readonly bySeq: (seq: number) => Promise<Standing | undefined>;
}

/**
 * Tells people of alarms. What they were told is kept beside the alarms, so that what is to be told is the difference:
 * nothing is lost or told twice by a restart, and what has come and gone in between is not told at all.
 */
export class Notifier {
  /** By channel and place of the alarm in the history. */
  readonly #told = new Map<string, Map<number, Told>>();
  readonly #pending = new Map<string, Map<number, Pending>>();
  readonly #queues = new Map<string, ChannelQueue>();
  readonly #left: Queued[] = [];
  #policy: NotificationPolicy | undefined;
  #policyText = "";
  #site = "outrider";
  #routing: Routing | undefined;
  #stopTicking: (() => void) | undefined;

  constructor(private readonly parts: NotifierParts) {}

  /** Takes up what was told and what was to be told. @throws StorageError */
  async start(): Promise<void> {
    const { storage, clock } = this.parts;
    const told = await storage.all<{
      channel: string;
      alarm: number;
      severity: AlarmSeverity;
      told_ms: number;
    }>("SELECT channel, alarm, severity, told_ms FROM telemetry_told");
    for (const { channel, alarm, severity, told_ms: toldMs } of told) {
      this.#toldBy(channel).set(alarm, { severity, toldMs });
    }
    const left = await storage.all<{
      id: string;
      channel: string;
      attempts: number;
      message: string;
    }>("SELECT id, channel, attempts, message FROM telemetry_notifications ORDER BY made_ms, id");
    for (const { id, channel, attempts, message } of left) {
      this.#left.push({ id, channel, attempts, message: fromJson<Message>(message) });
    }
    this.#stopTicking = clock.every(TICK, () => this.#tick());
  }

  async stop(): Promise<void> {
    this.#stopTicking?.();
    await Promise.all([...this.#queues.values()].map((queue) => queue.stop()));
  }

  /** Channels that do not take what they are told. */
  problems(): DeliveryProblem[] {
    return [...this.#queues.values()].flatMap(({ problem }) => problem ?? []);
  }

  /** Who is told is said anew. */
  async govern(site: string, policy: NotificationPolicy): Promise<void> {
    const text = JSON.stringify([site, policy]);
    if (text === this.#policyText) return;
    this.#policyText = text;
    this.#site = site;
    this.#policy = policy;
    this.#routing = new Routing(policy);
    this.#channelsAre(policy);
    const standing = new Map([...this.parts.standing()].map((alarm) => [alarm.seq, alarm]));
    for (const alarm of standing.values()) this.changed(alarm);
    for (const [channel, told] of this.#told) {
      for (const seq of told.keys()) {
        if (standing.has(seq)) continue;
        const alarm = await this.parts.bySeq(seq);
        if (alarm) this.#compare(channel, alarm, false);
        else this.#forget(channel, seq);
      }
    }
  }

  /** An alarm has turned. */
  changed(alarm: Standing): void {
    if (!this.#policy || !this.#routing) return;
    const routed = this.#routing.channelsOf(alarm);
    for (const channel of Object.keys(this.#policy.channels)) {
      this.#compare(channel, alarm, routed.has(channel));
    }
  }

  /** What people should know against what they were told. */
  #compare(channel: string, alarm: Standing, isRouted: boolean): void {
    const { seq } = alarm;
    const told = this.#told.get(channel)?.get(seq);
    const pending = this.#pendingOf(channel);
    const isOver = alarm.clearedAt !== undefined;
    let what: Change["what"] | undefined;
    if (isOver) what = told ? "over" : undefined;
    else if (isRouted && told?.severity !== alarm.severity && !alarm.acknowledged) what = "raised";
    if (what === undefined) pending.delete(seq);
    else {
      const sinceMs = pending.get(seq)?.sinceMs ?? this.parts.clock.monotonicMs();
      pending.set(seq, { change: { alarm, what }, sinceMs });
    }
  }

  #tick(): void {
    const { clock } = this.parts;
    if (!this.#policy) return;
    this.#remind(clock.now().getTime());
    const nowMs = clock.monotonicMs();
    for (const [channel, pending] of this.#pending) {
      let sinceMs = Number.POSITIVE_INFINITY;
      for (const one of pending.values()) sinceMs = Math.min(sinceMs, one.sinceMs);
      if (nowMs - sinceMs < this.#policy.groupWithinMs) continue;
      this.#pending.delete(channel);
      this.#tell(
        channel,
        [...pending.values()].map(({ change }) => change),
      );
    }
  }

  #remind(wallMs: number): void {
    const { repeatAfterMs = 0 } = this.#policy ?? {};
    if (repeatAfterMs === 0) return;
    const due = new Map<string, Set<number>>();
    for (const [channel, told] of this.#told) {
      for (const [seq, { toldMs }] of told) {
        if (wallMs - toldMs < repeatAfterMs) continue;
        due.set(channel, (due.get(channel) ?? new Set()).add(seq));
      }
    }
    if (due.size === 0) return;
    const standing = new Map([...this.parts.standing()].map((alarm) => [alarm.seq, alarm]));
    for (const [channel, seqs] of due) {
      for (const seq of seqs) {
        const alarm = standing.get(seq);
        const pending = this.#pendingOf(channel);
        if (!alarm || alarm.acknowledged || pending.has(seq)) continue;
        // It may have become less than what this channel is for.
        if (!this.#routing?.channelsOf(alarm).has(channel)) continue;
        // With others that are due soon it is one message.
        pending.set(seq, {
          change: { alarm, what: "still" },
          sinceMs: this.parts.clock.monotonicMs(),
        });
      }
    }
  }

  #tell(channel: string, changes: readonly Change[]): void {
    const { ledger, clock } = this.parts;
    const statements: Statement[] = [];
    const told = this.#toldBy(channel);
    const nowMs = clock.now().getTime();
    for (const { alarm, what } of changes) {
      if (what === "over") {
        told.delete(alarm.seq);
        statements.push(forgotten(channel, alarm.seq));
      } else {
        told.set(alarm.seq, { severity: alarm.severity, toldMs: nowMs });
        statements.push({
          sql: `INSERT INTO telemetry_told (channel, alarm, severity, told_ms) VALUES (?, ?, ?, ?)
            ON CONFLICT (channel, alarm) DO UPDATE SET severity = excluded.severity, told_ms = excluded.told_ms`,
          params: [channel, alarm.seq, alarm.severity, nowMs],
        });
      }
    }
    const queued = groupsOf(changes).map(({ changes: inside, cause }): Queued => {
      const about = { id: mintId(), site: this.#site, at: timestamp(clock) };
      return { id: about.id, channel, attempts: 0, message: messageOf(inside, cause, about) };
    });
    statements.push(
      ...queued.map(({ id, message }) => ({
        sql: `INSERT INTO telemetry_notifications (id, channel, made_ms, attempts, message)
          VALUES (?, ?, ?, 0, ?)`,
        params: [id, channel, nowMs, toJson(message)],
      })),
    );
    void ledger.put(statements).then(() => {
      for (const one of queued) this.#queues.get(channel)?.add(one);
    });
  }

  #channelsAre({ channels }: NotificationPolicy): void {
    for (const [name, queue] of this.#queues) {
      if (Object.hasOwn(channels, name)) continue;
      void queue.stop();
      queue.drop();
      this.#queues.delete(name);
    }
    for (const name of new Set([...this.#told.keys(), ...this.#pending.keys()])) {
      if (Object.hasOwn(channels, name)) continue;
      this.#told.delete(name);
      this.#pending.delete(name);
      void this.parts.ledger.put([
        { sql: "DELETE FROM telemetry_told WHERE channel = ?", params: [name] },
      ]);
    }
    for (const [name, channel] of Object.entries(channels)) {
      const queue = this.#queues.get(name);
      if (queue) queue.use(channel);
      else this.#queues.set(name, new ChannelQueue(name, channel, this.parts));
    }
    for (const one of this.#left.splice(0)) {
      const queue = this.#queues.get(one.channel);
      if (queue) queue.add(one);
      else void this.parts.ledger.put([ChannelQueue.done(one)]);
    }
  }

  #forget(channel: string, seq: number): void {
    this.#told.get(channel)?.delete(seq);
    void this.parts.ledger.put([forgotten(channel, seq)]);
  }

  #toldBy(channel: string): Map<number, Told> {
    let found = this.#told.get(channel);
    if (!found) this.#told.set(channel, (found = new Map()));
    return found;
  }

  #pendingOf(channel: string): Map<number, Pending> {
    let found = this.#pending.get(channel);
    if (!found) this.#pending.set(channel, (found = new Map()));
    return found;
  }
}

function forgotten(channel: string, seq: number): Statement {
  return {
    sql: "DELETE FROM telemetry_told WHERE channel = ? AND alarm = ?",
    params: [channel, seq],
  };
}
