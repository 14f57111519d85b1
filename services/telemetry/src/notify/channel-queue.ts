import { milliseconds, seconds, type Clock } from "@outrider/contracts/clock";
import type { NotificationChannel } from "@outrider/contracts/telemetry-policy";
import type { Statement } from "@outrider/storage/storage";
import type { Ledger } from "../alarms/ledger.js";
import type { Happened } from "../events/event-log.js";
import type { Message } from "./message.js";
import type { Senders } from "./senders.js";

/** Messages that wait; beyond that the oldest go. */
const MOST_WAITING = 200;
/** Some two hours, with the pauses below. */
const MOST_ATTEMPTS = 14;
const FIRST_PAUSE = seconds(5);
const LONGEST_PAUSE = seconds(900);

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

/** Sends the messages of one channel in order, again and again until they are taken or too old. */
export class ChannelQueue {
  readonly #waiting: Queued[] = [];
  readonly #stopped = new AbortController();
  #running: Promise<void> | undefined;
  #isFailing = false;

  constructor(
    private readonly name: string,
    public channel: NotificationChannel,
    private readonly parts: ChannelQueueParts,
  ) {}

  /** What says that a message is on its way no more. */
  static done({ id }: Pick<Queued, "id">): Statement {
    return { sql: "DELETE FROM telemetry_notifications WHERE id = ?", params: [id] };
  }

  add(queued: Queued): void {
    this.#waiting.push(queued);
    if (this.#waiting.length > MOST_WAITING) {
      // The first may be under way.
      const [oldest] = this.#waiting.splice(1, 1);
      if (oldest) this.#giveUp(oldest, `more than ${MOST_WAITING} messages wait`);
    }
    this.#running ??= this.#run();
  }

  /** The channel is gone, and what waits for it. */
  drop(): void {
    void this.parts.ledger.put(this.#waiting.splice(0).map(ChannelQueue.done));
  }

  /** What waits is kept. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    for (let next = this.#waiting[0]; next && !signal.aborted; next = this.#waiting[0]) {
      await this.#sendOne(next, signal);
    }
    // In the same turn as the last look at what waits: nobody comes in between and is left waiting.
    this.#running = undefined;
  }

  async #sendOne(next: Queued, signal: AbortSignal): Promise<void> {
    const { senders, ledger, clock } = this.parts;
    const sent = await senders.send(this.channel, next.message, signal);
    // The channel may have been taken away meanwhile.
    if (this.#waiting[0] !== next || (signal.aborted && !sent.ok)) return;
    if (sent.ok) {
      this.#waiting.shift();
      void ledger.put([ChannelQueue.done(next)]);
      this.#works();
      return;
    }
    const attempts = next.attempts + 1;
    this.#fails(sent.detail);
    if (attempts >= MOST_ATTEMPTS) {
      this.#waiting.shift();
      this.#giveUp(next, sent.detail);
      return;
    }
    this.#waiting[0] = { ...next, attempts };
    void ledger.put([
      {
        sql: "UPDATE telemetry_notifications SET attempts = ? WHERE id = ?",
        params: [attempts, next.id],
      },
    ]);
    const pause = milliseconds(Math.min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE));
    await clock.sleep(pause, signal).catch(() => undefined);
  }

  #works(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#say("info", "notification-works", `channel ${this.name} takes messages again`);
  }

  #fails(detail: string): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#say(
      "warning",
      "notification-failed",
      `channel ${this.name} does not take messages, and is tried again: ${detail}`,
    );
  }

  #giveUp(queued: Queued, detail: string): void {
    void this.parts.ledger.put([ChannelQueue.done(queued)]);
    const { title } = queued.message;
    this.#say(
      "error",
      "notification-lost",
      `channel ${this.name} was never told "${title}": ${detail}`,
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
