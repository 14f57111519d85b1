import { AGENT_PROTOCOL, type AgentAck } from "@outrider/contracts/agent";
import {
  milliseconds,
  seconds,
  timestamp,
  type Clock,
  type Duration,
} from "@outrider/contracts/clock";
import { ContractError } from "@outrider/contracts/codec";
import type { AgentId } from "@outrider/contracts/ids";
import {
  agentReading,
  type AgentReadings,
  type EndpointReading,
} from "@outrider/contracts/reading-report";
import { MessagingError } from "@outrider/messaging/errors";
import { Notifier } from "@outrider/messaging/notifier";
import type { Session } from "@outrider/messaging/session";
import type { AgentLog } from "../log.js";
import { batchOf, type Batch, type BatchRecord, type KeptReading } from "./batch-record.js";
import type { Drop } from "./drops.js";
import type { ReadingSpool } from "./reading-spool.js";
import { SendWindow } from "./send-window.js";

/** What waits is sent no faster, so that many agents that come back together leave room for what is new. */
const BATCHES_PER_SECOND = 100;
const READINGS_PER_SECOND = 2000;
const RETRY_AFTER = seconds(1);
/** Numbers beyond are no acknowledgement of anything. */
const LAST_NUMBER = 2 ** 52;
/** Takes the place of readings that nobody can be told, so that their number does not hold up those behind it. */
const EMPTY: Batch = { boot: "", readings: [] };
/** Made once: an abort without a reason makes an error with a stack each time. */
const WOKEN = new Error("woken");

export interface ReadingSenderOptions {
  readonly agent: AgentId;
  readonly session: Pick<Session, "epoch" | "publish">;
  readonly spool: ReadingSpool;
  readonly clock: Clock;
  /** The boot, and the time of its monotonic clock, by which readings say when they were taken. */
  readonly boot: string;
  readonly bootMs: () => number;
  readonly log: AgentLog;
}

/**
 * Sends batches in the order of their numbers until they are acknowledged, the oldest first and no faster than it is
 * good for others. Somebody who wants to know how things are now does not wait for that: each new batch is sent at
 * once, and once more when its turn comes.
 */
export class ReadingSender implements AsyncDisposable {
  readonly #window = new SendWindow();
  readonly #wake = new Notifier();
  readonly #stopped = new AbortController();
  #news = false;
  #connected = false;
  /** Counts connections: what was sent on a former one counts for nothing. */
  #connections = 0;
  /** Of the batch that was made last, so that it need not be read again. */
  #newest: { readonly seq: number; readonly batch: Batch } | undefined;
  #live: Promise<boolean> | undefined;
  /** The highest number that can be stored: under this id, that it was sent with all before it, or by a former process. */
  #sent: number;
  /** The session in which the spool was renewed: acknowledgements of its former id may still be on their way. */
  #renewedIn: string | undefined;
  #running: Promise<void> | undefined;

  constructor(private readonly options: ReadingSenderOptions) {
    this.#sent = options.spool.next - 1;
  }

  start(): void {
    this.#running ??= this.#run(this.#stopped.signal).catch((error: unknown) => {
      if (error !== this.#stopped.signal.reason) throw error;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort(WOKEN);
    await this.#running;
    await this.#live;
  }

  /** A connection on which readings can be sent: all that is not acknowledged is. */
  connected(): void {
    this.#connected = true;
    this.#connections += 1;
    this.#window.begin(this.options.spool.acknowledged);
    this.#tell();
  }

  disconnected(): void {
    this.#connected = false;
  }

  /** A batch was put into the spool. */
  notify(record: BatchRecord, batch: Batch): void {
    this.#newest = { seq: record.seq, batch };
    if (!this.#connected) return;
    const { seq } = record;
    if (this.#window.last === seq - 1 && this.#window.maySend(seq)) this.#tell();
    else {
      // It is stored at once where it is the one that is waited for.
      if (this.#live === undefined && seq === this.#sent + 1) this.#sent = seq;
      this.#live ??= this.#send(record, batch, this.#lowest(), undefined).finally(() => {
        this.#live = undefined;
      });
    }
  }

  /** No number that is kept is lower. */
  #lowest(): number {
    return this.#window.oldest ?? this.#window.acknowledged + 1;
  }

  /** The telemetry service has stored all batches up to a number. Acknowledgements of former sessions are ignored. */
  acknowledged({ epoch, reading }: AgentAck): void {
    const { session, spool, clock } = this.options;
    if (reading === undefined || reading > LAST_NUMBER || epoch !== session.epoch) return;
    if (reading > this.#sent) return this.#renew(epoch, reading);
    this.#window.heard(reading, clock.monotonicMs());
    spool.acknowledge(reading);
    this.#tell();
  }

  /** What is acknowledged was never sent: it is of another copy of the spool, of which this one is a restored one. */
  #renew(epoch: string, reading: number): void {
    const { spool, log } = this.options;
    if (this.#renewedIn === epoch) return;
    this.#renewedIn = epoch;
    spool.renew();
    log.error(
      { acknowledged: reading, sent: this.#sent, spool: spool.id },
      "the telemetry service has more readings of this agent than it ever sent, as after its disk was restored from an older copy; what it keeps is sent as of a new spool",
    );
    this.#sent = spool.acknowledged;
    this.#connections += 1;
    this.#window.begin(spool.acknowledged);
    this.#tell();
  }

  #tell(): void {
    this.#news = true;
    this.#wake.tell();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, spool } = this.options;
    let waiting: readonly BatchRecord[] = [];
    for (;;) {
      signal.throwIfAborted();
      this.#news = false;
      if (!this.#connected) {
        await this.#rest(undefined, signal);
        continue;
      }
      this.#window.expire(clock.monotonicMs());
      const after = this.#window.last;
      waiting = waiting.filter(({ seq }) => seq > after);
      // What was read before holds only as long as nothing in front of it is to be sent again.
      if (waiting[0]?.seq !== after + 1) waiting = await spool.read(after + 1);
      const [next] = waiting;
      if (!next || this.#window.last !== after || !this.#window.maySend(next.seq)) {
        await this.#rest(this.#window.waitsMs(clock.monotonicMs()), signal);
      } else if (await this.#sendNext(next, after)) {
        if (next.seq + 1 < spool.next) await clock.sleep(pauseAfter(next), signal);
      } else {
        await this.#rest(RETRY_AFTER, signal);
      }
    }
  }

  /** @returns whether it was sent, or never can be */
  async #sendNext(record: BatchRecord, after: number): Promise<boolean> {
    const { spool, clock } = this.options;
    const { seq } = record;
    const connection = this.#connections;
    const batch = this.#newest?.seq === seq ? this.#newest.batch : this.#batchOf(record);
    const oldest = this.#window.oldest ?? seq;
    this.#sent = Math.max(this.#sent, seq);
    const isSent = await this.#send(record, batch, oldest, spool.droppedBetween(after, seq));
    if (!isSent) return false;
    if (connection === this.#connections) this.#window.sent(seq, clock.monotonicMs());
    return true;
  }

  /** One that cannot be read is sent as an empty one. */
  #batchOf(record: BatchRecord): Batch {
    try {
      return batchOf(record);
    } catch (error) {
      const { seq } = record;
      this.options.log.error({ err: error, seq }, "readings on disk cannot be read; they are lost");
      this.options.spool.giveUp(record);
      return EMPTY;
    }
  }

  /** @returns whether it was sent */
  async #send(
    record: BatchRecord,
    { boot, readings }: Batch,
    oldest: number,
    dropped: Drop | undefined,
  ): Promise<boolean> {
    const { session, agent, clock, spool, log } = this.options;
    const { epoch } = session;
    const { seq } = record;
    if (epoch === undefined) return false;
    const ageMs = boot === this.options.boot ? this.#ageByBoot() : ageByCalendar(clock);
    const message: AgentReadings = {
      v: AGENT_PROTOCOL,
      epoch,
      seq,
      spool: spool.id,
      oldest,
      at: timestamp(clock),
      ...(dropped ? { dropped: toldOf(dropped) } : {}),
      readings: readings.map((one) => sentOf(one, ageMs(one))),
    };
    try {
      await session.publish(agentReading, { agent }, message);
      return true;
    } catch (error) {
      // What another release has put there, or a defect let through: nobody would ever take it.
      if (error instanceof ContractError && readings.length > 0) {
        log.error({ err: error, seq }, "readings cannot be told in a message; they are lost");
        spool.giveUp(record);
        return this.#send(record, EMPTY, oldest, dropped);
      }
      if (!(error instanceof MessagingError)) throw error;
      log.debug({ code: error.code, problem: error.message }, "readings were not sent");
      return false;
    }
  }

  #ageByBoot(): (one: KeptReading) => number {
    const nowMs = this.options.bootMs();
    return ({ takenMs }) => nowMs - takenMs;
  }

  /** Until something is new, or so long. */
  async #rest(ms: number | undefined, signal: AbortSignal): Promise<void> {
    if (this.#news) return;
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const woken = this.#wake.next(either);
    const slept = ms === undefined ? woken : this.options.clock.sleep(milliseconds(ms), either);
    try {
      await Promise.race([slept, woken]);
    } finally {
      over.abort(WOKEN);
      await Promise.allSettled([slept, woken]);
    }
  }
}

function pauseAfter({ readings }: BatchRecord): Duration {
  return milliseconds(1000 * Math.max(1 / BATCHES_PER_SECOND, readings / READINGS_PER_SECOND));
}

/** Of a boot that is over nobody knows more than its calendar. */
function ageByCalendar(clock: Clock): (one: KeptReading) => number {
  const nowMs = clock.now().getTime();
  return ({ at }) => nowMs - Date.parse(at);
}

function sentOf(kept: KeptReading, ageMs: number): EndpointReading {
  const { takenMs: _takenMs, ...reading } = kept;
  return { ...reading, ageMs: Math.max(0, Math.round(ageMs)) };
}

function toldOf({ readings, sinceMs, untilMs }: Drop): NonNullable<AgentReadings["dropped"]> {
  return {
    readings,
    since: new Date(sinceMs).toISOString(),
    until: new Date(untilMs).toISOString(),
  };
}
