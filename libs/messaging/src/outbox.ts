import { milliseconds, systemClock, type Clock } from "@outrider/contracts/clock";
import { crash } from "./crash.js";
import { MessagingError } from "./errors.js";
import { silentLog, type Log } from "./log.js";
import { Notifier } from "./notifier.js";

export interface Numbered<E> {
  /** From 1, ascending, never used twice. */
  readonly seq: number;
  readonly event: E;
}

/** Where numbered events are kept until they are acknowledged. The store outlives the process. */
export interface Outbox<E> {
  /** Stores durably and gives the number. */
  append(event: E): Promise<number>;
  /** The events with at least this number, ascending, at most `limit`. */
  unacknowledged(from: number, limit: number): Promise<readonly Numbered<E>[]>;
  /** Forgets the events up to and including this number. */
  acknowledge(seq: number): Promise<void>;
}

/** Made once: an abort without a reason makes an error with a stack each time. */
const WOKEN = new Error("woken");

export interface OutboxSenderOptions<E> {
  readonly outbox: Outbox<E>;
  /** Publishes one event. @throws MessagingError */
  readonly send: (numbered: Numbered<E>) => Promise<void>;
  readonly clock?: Clock;
  readonly log?: Log;
  /** How many events may be sent and not yet acknowledged. Default 64. */
  readonly window?: number;
  /**
   * As `resendAfterMs`, until the first acknowledgement on a connection: a receiver that came in the middle takes the
   * repetition to know where the list begins, and acknowledges nothing before. Default 250 ms.
   */
  readonly resendFirstAfterMs?: number;
  /** Without progress for this long everything unacknowledged is sent again; doubles up to `resendAtMostMs`. Default 2 s. */
  readonly resendAfterMs?: number;
  /** Default 30 s. */
  readonly resendAtMostMs?: number;
}

/**
 * What a receiver does with a number, given the highest one that it has stored of this sender without a gap.
 * - `new`: store it, then acknowledge it
 * - `known`: acknowledge the highest again, for the sender may have missed it
 * - `gap`: ignore it. Something in between was lost, and will come again before this one does. Acknowledging it would
 *   make the sender forget what was lost.
 */
export function judgeNumber(highest: number | undefined, seq: number): "new" | "known" | "gap" {
  if (highest === undefined || seq === highest + 1) return "new";
  return seq <= highest ? "known" : "gap";
}

/**
 * Sends numbered events in order until each is acknowledged: again from the first unacknowledged one on every
 * connection, and after a time without progress. The receiver sees an event once or more, and never a later one
 * before an earlier one for the first time.
 *
 * A PUBACK is no acknowledgement: a broker may lose what it has acknowledged. The receiver's own word is, once it has
 * stored the event.
 */
export class OutboxSender<E> {
  readonly #options: Required<OutboxSenderOptions<E>>;
  readonly #wake = new Notifier();
  readonly #stopped = new AbortController();
  readonly #sending = new Set<Promise<void>>();
  #running: Promise<void> | undefined;
  #connected = false;
  /** Counts connections and resends: what was read from the store before is then out of date. */
  #round = 0;
  #next = 1;
  /** Highest number sent on this connection; nobody can have stored more than that. */
  #sent = 0;
  #acknowledged = 0;
  /** Numbers that were sent and are not acknowledged, ascending. */
  #flight: number[] = [];
  #news = false;

  constructor(options: OutboxSenderOptions<E>) {
    this.#options = {
      clock: systemClock,
      log: silentLog,
      window: 64,
      resendFirstAfterMs: 250,
      resendAfterMs: 2000,
      resendAtMostMs: 30_000,
      ...options,
    };
  }

  start(): void {
    this.#running ??= this.#run(this.#stopped.signal).catch((error: unknown) => {
      if (error !== this.#stopped.signal.reason) crash(error);
    });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    await Promise.all(this.#sending);
  }

  /** A connection on which events can be published: everything unacknowledged is sent again. */
  connected(): void {
    this.#connected = true;
    this.#sent = 0;
    this.#restart();
  }

  disconnected(): void {
    this.#connected = false;
    this.#restart();
  }

  /** Stores an event and sends it as soon as its turn comes. Resolves with its number once it is stored. */
  async append(event: E): Promise<number> {
    const seq = await this.#options.outbox.append(event);
    this.notify();
    return seq;
  }

  /**
   * Something was appended to the store by somebody else, such as a transaction of its owner.
   * @param newest the last of it; sent without being read again where it is the next one
   */
  notify(newest?: Numbered<E>): void {
    const mayFollow = this.#connected && this.#flight.length < this.#options.window;
    if (newest && mayFollow && newest.seq === this.#next) this.#dispatch(newest);
    this.#news = true;
    this.#wake.tell();
  }

  /** The receiver has stored everything up to this number. */
  async acknowledged(seq: number): Promise<void> {
    if (seq > this.#sent) {
      // Of a store that is gone, perhaps: obeying would throw away events that nobody has seen.
      this.#options.log.warn(
        { seq, sent: this.#sent },
        "an acknowledgement of something never sent was ignored",
      );
      return;
    }
    if (seq <= this.#acknowledged) return;
    await this.#options.outbox.acknowledge(seq);
    this.#acknowledged = Math.max(this.#acknowledged, seq);
    this.#flight = this.#flight.filter((one) => one > seq);
    this.#news = true;
    this.#wake.tell();
  }

  #restart(): void {
    this.#round++;
    this.#rewind(1);
    this.#news = true;
    this.#wake.tell();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, resendFirstAfterMs, resendAfterMs, resendAtMostMs } = this.#options;
    let patienceMs = resendFirstAfterMs;
    let progress = this.#acknowledged;
    let round = this.#round;
    let sinceMs: number | undefined;
    while (!signal.aborted) {
      this.#news = false;
      const waiting = this.#connected && (await this.#sendWindow());
      if (this.#round !== round) patienceMs = resendFirstAfterMs;
      else if (this.#acknowledged > progress) patienceMs = resendAfterMs;
      // New events are no progress: under a steady flow of them the time would never be up.
      if (!waiting || this.#round !== round || this.#acknowledged > progress) sinceMs = undefined;
      progress = this.#acknowledged;
      round = this.#round;
      if (this.#news) continue;
      if (waiting) sinceMs ??= clock.monotonicMs();
      const leftMs =
        sinceMs === undefined ? undefined : Math.max(0, sinceMs + patienceMs - clock.monotonicMs());
      if (await this.#woken(leftMs, signal)) continue;
      patienceMs = Math.min(Math.max(patienceMs * 2, resendAfterMs), resendAtMostMs);
      sinceMs = undefined;
      this.#rewind(1);
    }
  }

  /**
   * Sends what the window allows, without waiting for the broker in between: a round trip for each event would make
   * fifty reports wait for one another. Resolves with whether acknowledgements are now awaited.
   */
  async #sendWindow(): Promise<boolean> {
    const { outbox, window } = this.#options;
    const round = this.#round;
    const room = window - this.#flight.length;
    // What was sent already is not read again.
    const from = Math.max(this.#acknowledged + 1, this.#next);
    const batch = room > 0 ? await outbox.unacknowledged(from, room) : [];
    for (const numbered of batch) {
      if (numbered.seq < this.#next || numbered.seq <= this.#acknowledged) continue;
      if (this.#round !== round || this.#stopped.signal.aborted) return false;
      this.#dispatch(numbered);
    }
    return this.#flight.length > 0;
  }

  #dispatch(numbered: Numbered<E>): void {
    const { seq } = numbered;
    this.#next = seq + 1;
    this.#sent = Math.max(this.#sent, seq);
    this.#flight.push(seq);
    const sending = this.#send(numbered, this.#round)
      .catch(crash)
      .finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  /** The events from this number on count as not sent. */
  #rewind(seq: number): void {
    this.#next = Math.min(this.#next, seq);
    this.#flight = this.#flight.filter((one) => one < seq);
  }

  async #send(numbered: Numbered<E>, round: number): Promise<void> {
    const { send, log } = this.#options;
    const { seq } = numbered;
    try {
      await send(numbered);
    } catch (error) {
      if (!(error instanceof MessagingError)) throw error;
      log.warn({ seq, code: error.code, problem: error.message }, "an event was not sent");
      if (this.#round !== round) return;
      // Those behind it may have arrived. An acknowledgement of them would cover this one, so that it counts for
      // nothing until this one was sent.
      this.#rewind(seq);
      this.#sent = Math.min(this.#sent, seq - 1);
    }
  }

  /** True when something changed, false when the time was up. */
  async #woken(patienceMs: number | undefined, signal: AbortSignal): Promise<boolean> {
    const bound = new AbortController();
    const either = AbortSignal.any([bound.signal, signal]);
    const news = this.#wake.next(either).then(() => true);
    if (patienceMs === undefined) return news;
    const late = this.#options.clock.sleep(milliseconds(patienceMs), either).then(() => false);
    try {
      return await Promise.race([news, late]);
    } finally {
      bound.abort(WOKEN);
      await Promise.allSettled([news, late]);
    }
  }
}
