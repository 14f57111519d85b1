import { milliseconds, seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { NotificationChannel } from "@outrider/contracts/telemetry-policy";
import type { Posted } from "@outrider/service-kit/outbound/guarded-post";
import type { Statement } from "@outrider/storage/storage";
import type { Ledger } from "../alarms/ledger.js";
import type { Happened } from "../events/event-log.js";
import { missedMessage, type Message } from "./message.js";
import type { Senders } from "./senders.js";

/** Messages that wait; beyond that the oldest are given up. */
const MOST_WAITING = 200;
/** Messages that were given up and are still to be told together; beyond that the oldest go. */
const MOST_MISSED = 200;
/** Some two hours, with the pauses below. */
const MOST_ATTEMPTS = 14;
const FIRST_PAUSE = seconds(5);
const LONGEST_PAUSE = seconds(900);
/** The least between two attempts that only something new is the reason of. */
const SHORTEST_NUDGE = seconds(30);

/** A message on its way. */
export interface Queued {
  readonly id: string;
  readonly channel: string;
  readonly attempts: number;
  readonly message: Message;
}

export interface ChannelQueueParts {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly senders: Pick<Senders, "send">;
  readonly happened: (happened: Happened) => void;
}

/** A channel that does not take what it is told. */
export interface DeliveryProblem {
  readonly channel: string;
  /** Of the oldest message that nobody was told of. RFC 3339. */
  readonly since: string;
  /** How many messages nobody was told of. */
  readonly messages: number;
  readonly detail?: string | undefined;
}

/**
 * Sends the messages of one channel in order, again and again until they are taken, refused or too old. Those that were
 * refused or too old hold up nothing: they are told together in one message when the channel takes messages again.
 */
export class ChannelQueue {
  readonly #waiting: Queued[] = [];
  /** Given up, the oldest first. */
  #missed: Queued[] = [];
  /** When they are tried next, by our monotonic clock. */
  #missedAtMs = Number.NEGATIVE_INFINITY;
  /** When the first that waits is tried next, and was last, by our monotonic clock. */
  #dueMs = Number.NEGATIVE_INFINITY;
  #triedMs = Number.NEGATIVE_INFINITY;
  /** Something new waits since the last attempt: whether the channel works is worth knowing earlier. */
  #isNudged = false;
  readonly #stopped = new AbortController();
  #woken = new AbortController();
  #running: Promise<void> | undefined;
  #isFailing = false;
  #detail: string | undefined;

  constructor(
    private readonly name: string,
    private channel: NotificationChannel,
    private readonly parts: ChannelQueueParts,
  ) {}

  /** The channel is another one now, which may take what was not taken. */
  use(channel: NotificationChannel): void {
    if (JSON.stringify(channel) === JSON.stringify(this.channel)) return;
    this.channel = channel;
    this.#missedAtMs = this.#dueMs = Number.NEGATIVE_INFINITY;
    this.#woken.abort();
  }

  /** What says that a message is on its way no more. */
  static done({ id }: Pick<Queued, "id">): Statement {
    return { sql: "DELETE FROM telemetry_notifications WHERE id = ?", params: [id] };
  }

  /** What does not reach anybody; undefined: nothing is known to be wrong. */
  get problem(): DeliveryProblem | undefined {
    const [next] = this.#waiting;
    if (this.#missed.length === 0 && (next?.attempts ?? 0) === 0) return undefined;
    const since = (this.#missed[0] ?? next)?.message.at ?? timestamp(this.parts.clock);
    const messages = this.#missed.length + this.#waiting.length;
    return { channel: this.name, since, messages, detail: this.#detail };
  }

  /** @param queued may have been given up before a restart */
  add(queued: Queued): void {
    if (queued.attempts > 0) this.#isFailing = true;
    if (queued.attempts >= MOST_ATTEMPTS) this.#missed.push(queued);
    else this.#waiting.push(queued);
    if (this.#waiting.length > MOST_WAITING) {
      // The first may be under way.
      const [oldest] = this.#waiting.splice(1, 1);
      if (oldest) this.#giveUp(oldest, `more than ${MOST_WAITING} messages wait`);
    }
    this.#isNudged = true;
    this.#woken.abort();
    this.#running ??= this.#run();
  }

  /** The channel is gone, and what waits for it. */
  drop(): void {
    const all = [...this.#missed.splice(0), ...this.#waiting.splice(0)];
    void this.parts.ledger.put(all.map(ChannelQueue.done));
  }

  /** What waits is kept. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.parts;
    const { signal } = this.#stopped;
    // Whatever else comes in this turn is there by then.
    await Promise.resolve();
    while (!signal.aborted) {
      const [next] = this.#waiting;
      const nowMs = clock.monotonicMs();
      const missedAtMs = this.#missed.length > 0 ? this.#missedAtMs : Number.POSITIVE_INFINITY;
      const nextAtMs = next ? this.#nextAtMs() : Number.POSITIVE_INFINITY;
      const atMs = Math.min(missedAtMs, nextAtMs);
      if (atMs === Number.POSITIVE_INFINITY) break;
      if (missedAtMs <= nowMs) await this.#sendMissed(signal);
      else if (next && nextAtMs <= nowMs) await this.#sendOne(next, signal);
      else await this.#rest(atMs - nowMs);
    }
    // In the same turn as the last look at what waits: nobody comes in between and is left waiting.
    this.#running = undefined;
  }

  #nextAtMs(): number {
    if (!this.#isNudged) return this.#dueMs;
    return Math.min(this.#dueMs, this.#triedMs + SHORTEST_NUDGE);
  }

  /** Until something is tried again, or something comes. */
  async #rest(forMs: number): Promise<void> {
    this.#woken = new AbortController();
    const signal = AbortSignal.any([this.#stopped.signal, this.#woken.signal]);
    await this.parts.clock.sleep(milliseconds(Math.ceil(forMs)), signal).catch(() => undefined);
  }

  async #sendMissed(signal: AbortSignal): Promise<void> {
    const { senders, ledger, clock } = this.parts;
    const missed = [...this.#missed];
    const messages = missed.map(({ message }) => message);
    const send = (isBrief: boolean): Promise<Posted> =>
      senders.send(this.channel, missedMessage(messages, timestamp(clock), isBrief), signal);
    let sent = await send(false);
    // One of them may have been too much for it.
    if (!sent.ok && sent.permanent && !signal.aborted) sent = await send(true);
    // The channel may have been taken away meanwhile.
    if (this.#missed.length === 0 || (signal.aborted && !sent.ok)) return;
    this.#missedAtMs = clock.monotonicMs() + LONGEST_PAUSE;
    if (!sent.ok) return this.#fails(sent.detail);
    // More may have been given up meanwhile.
    this.#missed = this.#missed.filter((one) => !missed.includes(one));
    void ledger.put(missed.map(ChannelQueue.done));
    this.#dueMs = Number.NEGATIVE_INFINITY;
    this.#works();
  }

  async #sendOne(next: Queued, signal: AbortSignal): Promise<void> {
    const { senders, ledger, clock } = this.parts;
    const isEarly = clock.monotonicMs() < this.#dueMs;
    this.#isNudged = false;
    const sent = await senders.send(this.channel, next.message, signal);
    this.#triedMs = clock.monotonicMs();
    // The channel may have been taken away meanwhile.
    if (this.#waiting[0] !== next || (signal.aborted && !sent.ok)) return;
    if (sent.ok) {
      this.#dequeue();
      void ledger.put([ChannelQueue.done(next)]);
      this.#missedAtMs = this.#triedMs;
      this.#works();
      return;
    }
    if (sent.permanent) {
      // It says nothing of the others.
      this.#detail = sent.detail;
      this.#dequeue();
      this.#giveUp(next, sent.detail);
      return;
    }
    this.#fails(sent.detail);
    // What is tried because of others does not get old by it.
    if (isEarly) return;
    const attempts = next.attempts + 1;
    if (attempts >= MOST_ATTEMPTS) {
      this.#dequeue();
      this.#giveUp(next, sent.detail);
      return;
    }
    this.#waiting[0] = { ...next, attempts };
    void ledger.put([attempted(next, attempts)]);
    this.#dueMs = this.#triedMs + Math.min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE);
  }

  /** The first waits no more, and the next has its turn. */
  #dequeue(): void {
    this.#waiting.shift();
    this.#dueMs = Number.NEGATIVE_INFINITY;
  }

  #works(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#detail = undefined;
    this.#say("info", "notification-works", `channel ${this.name} takes messages again`);
  }

  #fails(detail: string): void {
    this.#detail = detail;
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#say(
      "warning",
      "notification-failed",
      `channel ${this.name} does not take messages, and is tried again: ${detail}`,
    );
  }

  /** Nobody is told of it alone any more. */
  #giveUp(queued: Queued, detail: string): void {
    const { ledger, clock } = this.parts;
    // It does not work now.
    if (this.#missed.length === 0) this.#missedAtMs = clock.monotonicMs() + LONGEST_PAUSE;
    this.#missed.push({ ...queued, attempts: MOST_ATTEMPTS });
    void ledger.put([attempted(queued, MOST_ATTEMPTS)]);
    this.#say(
      "error",
      "notification-undelivered",
      `channel ${this.name} was not told "${queued.message.title}", and is told of it with all else that it missed when it takes messages again: ${detail}`,
    );
    if (this.#missed.length <= MOST_MISSED) return;
    const [oldest, ...rest] = this.#missed;
    this.#missed = rest;
    if (!oldest) return;
    void ledger.put([ChannelQueue.done(oldest)]);
    this.#say(
      "error",
      "notification-lost",
      `channel ${this.name} is never told "${oldest.message.title}": it has missed more than ${MOST_MISSED} messages`,
    );
  }

  #say(severity: Happened["severity"], kind: string, message: string): void {
    this.parts.happened({
      subject: "service:telemetry",
      severity,
      kind,
      message,
      data: { channel: this.name },
    });
  }
}

function attempted({ id }: Queued, attempts: number): Statement {
  return {
    sql: "UPDATE telemetry_notifications SET attempts = ? WHERE id = ?",
    params: [attempts, id],
  };
}
