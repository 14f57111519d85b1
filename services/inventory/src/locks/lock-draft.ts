import type { CommandId, NodeId } from "@outrider/contracts/ids";
import type { LockState } from "@outrider/contracts/lock";
import { leaseUntil, type BookLock, type Instant } from "./book-lock.js";

/** What an operation changes: the new state of each lock, and of each fence. */
export interface LockChange {
  readonly locks: readonly BookLock[];
  readonly fences: ReadonlyMap<NodeId, number>;
}

/** What is true before any of it. */
interface Before {
  readonly active: ReadonlyMap<CommandId, BookLock>;
  fence(node: NodeId): number;
}

/** A book with changes that are not made yet. */
export class LockDraft {
  readonly #locks = new Map<CommandId, BookLock>();
  readonly #fences = new Map<NodeId, number>();

  constructor(
    private readonly book: Before,
    private readonly now: Instant,
  ) {}

  lock(id: CommandId): BookLock | undefined {
    return this.#locks.get(id) ?? this.book.active.get(id);
  }

  put(lock: BookLock): void {
    this.#locks.set(lock.id, lock);
  }

  end(lock: BookLock, state: LockState, endedBy?: string): void {
    const { deadlineMs: _over, ...rest } = lock;
    this.put({
      ...rest,
      state,
      endedAt: this.now.wall.toISOString(),
      ...(endedBy === undefined ? {} : { endedBy }),
    });
  }

  setFence(node: NodeId, fence: number): void {
    this.#fences.set(node, fence);
  }

  raiseFence(node: NodeId): void {
    this.setFence(node, (this.#fences.get(node) ?? this.book.fence(node)) + 1);
  }

  /** Locks that are held or wait. */
  live(): BookLock[] {
    const all = new Map([...this.book.active, ...this.#locks]);
    return [...all.values()].filter(({ state }) => state === "Held" || state === "Queued");
  }

  /** Those that wait, the next one first. */
  queue(): BookLock[] {
    return this.live()
      .filter(({ state }) => state === "Queued")
      .toSorted((a, b) => b.priority - a.priority || a.order - b.order);
  }

  /** Gives to those that wait what is free. Whoever goes on waiting keeps those behind it from its nodes. */
  grant(): void {
    const taken = new Set(
      this.live().flatMap(({ state, nodes }) => (state === "Held" ? nodes : [])),
    );
    for (const lock of this.queue()) {
      if (lock.nodes.every((node) => !taken.has(node))) {
        for (const node of lock.nodes) this.raiseFence(node);
        this.put({
          ...lock,
          state: "Held",
          since: this.now.wall.toISOString(),
          ...leaseUntil(this.now, lock.leaseMs),
        });
      }
      for (const node of lock.nodes) taken.add(node);
    }
  }

  change(): LockChange {
    return { locks: [...this.#locks.values()], fences: this.#fences };
  }
}
