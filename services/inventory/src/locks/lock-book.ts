import type { CommandId, NodeId } from "@outrider/contracts/ids";
import { RequestError } from "@outrider/messaging/request-error";
import { leaseUntil, type BookLock, type Instant } from "./book-lock.js";
import { LockDraft, type LockChange } from "./lock-draft.js";

export interface LockAsk {
  readonly id: CommandId;
  readonly holder: string;
  readonly reason?: string | undefined;
  readonly nodes: readonly NodeId[];
  readonly priority: number;
  readonly leaseMs: number;
  /** Whether it waits when it is not free. */
  readonly queue: boolean;
}

/** More would only be a program that has lost its mind. */
const MAXIMUM_ACTIVE = 1000;
/** A lease that a restart of this service has not ended goes on at least so long, so that its holder can renew it. */
const LEAST_AFTER_RESTART_MS = 5000;
/** Whoever ends locks of nodes that are gone. */
const SERVICE_ACTOR = "service:inventory";

/**
 * Who holds which node, who waits for it, and the fencing token of each. Holds nothing but its state: every operation
 * tells what would change, and {@link commit} makes it so once that is durable. All or none of a set is held. The
 * queue goes by priority, then by time; whoever waits keeps those behind from its nodes, so that a large set is not
 * starved by small ones.
 */
export class LockBook {
  readonly active = new Map<CommandId, BookLock>();
  readonly #fences = new Map<NodeId, number>();
  #order = 0;

  /** 0: it never had a holder. */
  fence(node: NodeId): number {
    return this.#fences.get(node) ?? 0;
  }

  get fencedNodes(): Iterable<NodeId> {
    return this.#fences.keys();
  }

  /** The place in the order of asking that was given last. */
  get order(): number {
    return this.#order;
  }

  /**
   * Takes up what a former process left. Leases go on with what was left of them by the wall clock, which may have
   * jumped: never longer than they were given, and never so short that the holder could not renew.
   */
  resume(
    locks: readonly BookLock[],
    fences: Iterable<readonly [NodeId, number]>,
    order: number,
    now: Instant,
  ): LockChange {
    for (const [node, fence] of fences) this.#fences.set(node, fence);
    this.#order = order;
    for (const lock of locks) this.active.set(lock.id, lock);
    const draft = this.#draft(now);
    for (const lock of locks) {
      if (lock.state !== "Held") continue;
      const leftMs = Date.parse(lock.until ?? lock.askedAt) - now.wall.getTime();
      const goesOnMs = Math.min(Math.max(leftMs, LEAST_AFTER_RESTART_MS), lock.leaseMs);
      draft.put({ ...lock, ...leaseUntil(now, goesOnMs) });
    }
    return draft.change();
  }

  /** @throws RequestError `locked` when it is not free and does not wait; `conflict` when there are too many */
  acquire(ask: LockAsk, now: Instant): LockChange {
    if (this.active.size >= MAXIMUM_ACTIVE) {
      throw new RequestError(
        "conflict",
        `there are ${MAXIMUM_ACTIVE} locks already; release some, or lock more nodes with one lock`,
      );
    }
    const { queue, ...rest } = ask;
    const draft = this.#draft(now);
    draft.put({
      ...rest,
      order: this.#order + 1,
      state: "Queued",
      askedAt: now.wall.toISOString(),
    });
    draft.grant();
    if (!queue && draft.lock(ask.id)?.state !== "Held") throw this.#taken(ask, draft);
    return draft.change();
  }

  /** @throws RequestError when it is not held, or by somebody else */
  renew(id: CommandId, actor: string, leaseMs: number | undefined, now: Instant): LockChange {
    const lock = this.#own(id, actor);
    if (lock.state !== "Held") {
      throw new RequestError(
        "precondition-failed",
        `lock ${id} waits in the queue; its lease begins when it is held`,
      );
    }
    const draft = this.#draft(now);
    const lease = leaseMs ?? lock.leaseMs;
    draft.put({ ...lock, leaseMs: lease, ...leaseUntil(now, lease) });
    return draft.change();
  }

  /** Gives it back, or leaves the queue. @throws RequestError when it is somebody else's */
  release(id: CommandId, actor: string, now: Instant): LockChange {
    const lock = this.#own(id, actor);
    const draft = this.#draft(now);
    draft.end(lock, lock.state === "Held" ? "Released" : "Canceled", actor);
    draft.grant();
    return draft.change();
  }

  /** Takes it from whoever has it. Its nodes get a new fence, so that nothing that the holder has sent is obeyed. */
  break(id: CommandId, actor: string, now: Instant): LockChange {
    const lock = this.#known(id);
    const draft = this.#draft(now);
    this.#breakOne(draft, lock, actor);
    draft.grant();
    return draft.change();
  }

  /** Ends the leases that are over. */
  expire(now: Instant): LockChange {
    const draft = this.#draft(now);
    for (const lock of this.active.values()) {
      if (lock.deadlineMs !== undefined && lock.deadlineMs <= now.monotonicMs) {
        draft.end(lock, "Expired");
      }
    }
    draft.grant();
    return draft.change();
  }

  /** Ends every lock over a node that is no more. */
  keepOnly(nodes: ReadonlySet<NodeId>, now: Instant): LockChange {
    const draft = this.#draft(now);
    for (const lock of this.active.values()) {
      if (lock.nodes.some((node) => !nodes.has(node))) this.#breakOne(draft, lock, SERVICE_ACTOR);
    }
    draft.grant();
    return draft.change();
  }

  /** Raises fences to at least these; lower ones stay. */
  raise(fences: Iterable<readonly [NodeId, number]>, now: Instant): LockChange {
    const draft = this.#draft(now);
    for (const [node, fence] of fences) if (fence > this.fence(node)) draft.setFence(node, fence);
    return draft.change();
  }

  /** Makes a change true. */
  commit({ locks, fences }: LockChange): void {
    for (const [node, fence] of fences) this.#fences.set(node, fence);
    for (const lock of locks) {
      this.#order = Math.max(this.#order, lock.order);
      if (lock.state === "Held" || lock.state === "Queued") this.active.set(lock.id, lock);
      else this.active.delete(lock.id);
    }
  }

  /** When the next lease ends by the monotonic clock, if one does. */
  nextDeadlineMs(): number | undefined {
    let next: number | undefined;
    for (const { deadlineMs } of this.active.values()) {
      if (deadlineMs !== undefined && (next === undefined || deadlineMs < next)) next = deadlineMs;
    }
    return next;
  }

  /** How many stand before a lock in the queue. Undefined when it does not wait. */
  position(id: CommandId): number | undefined {
    const at = new LockDraft(this, { wall: new Date(0), monotonicMs: 0 })
      .queue()
      .findIndex((lock) => lock.id === id);
    return at < 0 ? undefined : at;
  }

  #breakOne(draft: LockDraft, lock: BookLock, actor: string): void {
    if (lock.state === "Held") for (const node of lock.nodes) draft.raiseFence(node);
    draft.end(lock, lock.state === "Held" ? "Broken" : "Canceled", actor);
  }

  #draft(now: Instant): LockDraft {
    return new LockDraft(this, now);
  }

  #known(id: CommandId): BookLock {
    const lock = this.active.get(id);
    if (lock) return lock;
    throw new RequestError("not-found", `there is no lock ${id}`);
  }

  #own(id: CommandId, actor: string): BookLock {
    const lock = this.#known(id);
    if (lock.holder === actor) return lock;
    throw new RequestError(
      "not-allowed",
      `lock ${id} is held by ${lock.holder}; only the holder can do this, others break it`,
    );
  }

  /** Why a lock was not granted: who holds or waits for one of its nodes. */
  #taken(ask: LockAsk, draft: LockDraft): RequestError {
    const wanted = new Set(ask.nodes);
    const others = draft.live().filter(({ id }) => id !== ask.id);
    const overlap = (lock: BookLock): NodeId | undefined =>
      lock.nodes.find((node) => wanted.has(node));
    const rank = (lock: BookLock): number => (lock.state === "Held" ? 0 : 1);
    const blocker = others
      .toSorted((a, b) => rank(a) - rank(b))
      .find((lock) => overlap(lock) !== undefined);
    if (!blocker) return new RequestError("locked", "the nodes are not free");
    const why = blocker.reason === undefined ? "" : ` (${blocker.reason})`;
    const what =
      blocker.state === "Held"
        ? `is locked by ${blocker.holder} until ${blocker.until ?? "?"}${why}`
        : `is waited for by ${blocker.holder}${why}`;
    return new RequestError(
      "locked",
      `node ${overlap(blocker) ?? ""} ${what}; wait in the queue, ask the holder, or break lock ${blocker.id}`,
      { field: "nodes" },
    );
  }
}
