import { seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import { consoleState, type ConsoleState } from "@outrider/contracts/console";
import type { NodeId } from "@outrider/contracts/ids";
import type { Session } from "@outrider/messaging/session";
import type { ConsoleTaps } from "../automation/console-tap.js";

const EVERY = seconds(1);
/** Said again three times in this span. */
const STALE_AFTER_MS = 90_000;
const REPEAT_MS = 30_000;
/** That bytes come is said less often than anything else, in milliseconds. */
const BYTES_EVERY_MS = 5000;

interface Published {
  readonly essence: string;
  readonly atMs: number;
  readonly lastByteAt: string | undefined;
}

/** Publishes the state of each console, at most once a second each, and again before it is stale. */
export class ConsoleStates {
  readonly #changed = new Set<NodeId>();
  readonly #published = new Map<NodeId, Published>();
  readonly #stop: () => void;

  constructor(
    private readonly session: Session,
    private readonly clock: Clock,
    private readonly taps: ConsoleTaps,
    /** Undefined: there is no such console any more. */
    private readonly stateOf: (node: NodeId, staleAfterMs: number) => ConsoleState | undefined,
  ) {
    this.#stop = clock.every(EVERY, () => this.#publish());
  }

  changed(node: NodeId): void {
    this.#changed.add(node);
  }

  stop(): void {
    this.#stop();
  }

  #publish(): void {
    const nowMs = this.clock.monotonicMs();
    for (const [node, { atMs }] of this.#published) {
      if (nowMs - atMs >= REPEAT_MS) this.#changed.add(node);
    }
    for (const node of this.#changed) {
      const state = this.stateOf(node, STALE_AFTER_MS);
      const before = this.#published.get(node);
      if (!state) {
        this.#changed.delete(node);
        if (this.#published.delete(node)) this.session.retain(consoleState, { node }, undefined);
        continue;
      }
      const { lastByteAt, observedAt: _, ...rest } = state;
      const essence = JSON.stringify(rest);
      const isNew = before?.essence !== essence;
      const ageMs = nowMs - (before?.atMs ?? Number.NEGATIVE_INFINITY);
      const hasBytes = before?.lastByteAt !== lastByteAt;
      if (!isNew && ageMs < REPEAT_MS) {
        // It stays noted until its bytes are worth a message.
        if (!hasBytes) this.#changed.delete(node);
        if (!hasBytes || ageMs < BYTES_EVERY_MS) continue;
      }
      this.#changed.delete(node);
      this.#published.set(node, { essence, atMs: nowMs, lastByteAt });
      this.session.retain(consoleState, { node }, { ...state, observedAt: timestamp(this.clock) });
      this.taps.state(node, state);
    }
  }
}
