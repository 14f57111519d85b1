import type { Clock } from "@outrider/contracts/clock";
import type { Duplex } from "node:stream";
import type { SlowReaderLimits } from "./limits.js";

/** A connection as far as its outgoing bytes are concerned. */
export interface Outgoing {
  readonly conn: Duplex;
  /** Whether everything it subscribed to is QoS 0, which may be lost. */
  onlyQos0(): boolean;
}

/** A stretch of time in which a connection had more waiting than it should. */
export interface Episode {
  readonly sinceMs: number;
  /** Messages dropped in it. */
  shed: number;
  progress: string;
  progressMs: number;
}

export type CutReason = "too-far-behind" | "stalled" | "memory";

export interface SlowReaderEvents<C> {
  began(client: C, waitingBytes: number): void;
  ended(client: C, episode: Episode): void;
  /** The connection must be closed now. */
  cut(client: C, reason: CutReason, waitingBytes: number, episode: Episode): void;
}

/**
 * Keeps a subscriber that does not read from costing anybody else anything. Nobody waits for it: what it does not
 * take is kept up to a bound, then QoS 0 is dropped, and one that stays behind is cut. (Aedes by itself makes every
 * publisher wait, and a hundred waiting publishers stop it whole.)
 */
export class SlowReaders<C extends Outgoing> {
  readonly #limits: SlowReaderLimits;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #events: SlowReaderEvents<C>;
  readonly #episodes = new Map<C, Episode>();
  #shedMessages = 0;

  constructor(
    limits: SlowReaderLimits,
    clock: Pick<Clock, "monotonicMs">,
    events: SlowReaderEvents<C>,
  ) {
    this.#limits = limits;
    this.#clock = clock;
    this.#events = events;
  }

  /** Messages dropped since the start. */
  get shedMessages(): number {
    return this.#shedMessages;
  }

  /**
   * Whether a message may be added to what waits for a client. Asked for each delivery, so it is cheap.
   * @param qos as published; a subscription with QoS 0 is taken into account here
   * @param isRetained it is what a new subscription finds, which is not dropped whatever its QoS
   */
  admits(client: C, qos: number, isRetained = false): boolean {
    const waiting = client.conn.writableLength;
    if (waiting <= this.#limits.shedAboveBytes) return true;
    // Cut already; Aedes takes a moment to end its subscriptions.
    if (client.conn.destroyed) return false;
    const episode = this.#episodes.get(client) ?? this.#begin(client, waiting);
    if (waiting > this.#limits.cutAboveBytes) {
      this.#cut(client, "too-far-behind", episode);
      return false;
    }
    if (isRetained || (qos > 0 && !client.onlyQos0())) return true;
    episode.shed++;
    this.#shedMessages++;
    return false;
  }

  /** Looks after the clients that are behind; to be called every second or so. */
  sweep(all: Iterable<C>): void {
    const now = this.#clock.monotonicMs();
    for (const [client, episode] of this.#episodes) {
      const progress = progressOf(client.conn);
      if (client.conn.destroyed) {
        this.#episodes.delete(client);
      } else if (client.conn.writableLength <= this.#limits.shedAboveBytes / 2) {
        this.#episodes.delete(client);
        this.#events.ended(client, episode);
      } else if (progress !== episode.progress) {
        episode.progress = progress;
        episode.progressMs = now;
      } else if (now - episode.progressMs >= this.#limits.cutAfterMs) {
        this.#cut(client, "stalled", episode);
      }
    }
    this.#keepWithinMemory(all);
  }

  forget(client: C): void {
    this.#episodes.delete(client);
  }

  /** Many that are each a little behind are too much together: those furthest behind go first. */
  #keepWithinMemory(all: Iterable<C>): void {
    const behind: C[] = [];
    let total = 0;
    for (const client of all) {
      const waiting = client.conn.destroyed ? 0 : client.conn.writableLength;
      if (waiting > 0) behind.push(client);
      total += waiting;
    }
    if (total <= this.#limits.maxWaitingBytes) return;
    behind.sort((a, b) => b.conn.writableLength - a.conn.writableLength);
    for (const client of behind) {
      if (total <= this.#limits.maxWaitingBytes) return;
      const waiting = client.conn.writableLength;
      total -= waiting;
      this.#cut(client, "memory", this.#episodes.get(client) ?? this.#begin(client, waiting));
    }
  }

  #begin(client: C, waiting: number): Episode {
    const now = this.#clock.monotonicMs();
    const episode = { sinceMs: now, shed: 0, progress: progressOf(client.conn), progressMs: now };
    this.#episodes.set(client, episode);
    this.#events.began(client, waiting);
    return episode;
  }

  #cut(client: C, reason: CutReason, episode: Episode): void {
    this.#episodes.delete(client);
    this.#events.cut(client, reason, client.conn.writableLength, episode);
  }
}

/**
 * Changes whenever the peer took a byte: what has left the stream, and what libuv still holds of the write under
 * way (a large one completes late, though it moves).
 */
function progressOf(conn: Duplex): string {
  const { bytesWritten = 0, _handle } = conn as Duplex & {
    bytesWritten?: number;
    _handle?: { writeQueueSize?: number } | null;
  };
  return `${bytesWritten - conn.writableLength}/${_handle?.writeQueueSize ?? 0}`;
}
