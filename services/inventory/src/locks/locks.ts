import { milliseconds, type Clock } from "@outrider/contracts/clock";
import { commandId, type CommandId, type NodeId } from "@outrider/contracts/ids";
import { LEASE_MS, type AcquireLock, type Lock, type LockPage } from "@outrider/contracts/lock";
import type { Via } from "@outrider/contracts/power";
import type { Log } from "@outrider/messaging/log";
import { mintCommandId } from "@outrider/messaging/mint-id";
import { RequestError } from "@outrider/messaging/request-error";
import type { Session } from "@outrider/messaging/session";
import type { Restored, Statement } from "@outrider/storage/storage";
import { StorageError } from "@outrider/storage/storage-error";
import { canBeFolded, resolveNodes, type KnownNode } from "../node-sets.js";
import type { AuditTrail } from "../audit-trail.js";
import { Turns } from "../turns.js";
import type { BookLock, Instant } from "./book-lock.js";
import { LockBook } from "./lock-book.js";
import { LockBoard } from "./lock-board.js";
import type { LockChange } from "./lock-draft.js";
import { orderOf, pageOf } from "./lock-page.js";
import { lockText, type LockStore } from "./lock-store.js";

/** Who asks, as the service that asked has checked. */
export interface Asker {
  readonly actor: string;
  readonly via: Via;
}

export interface LocksOptions {
  readonly session: Session;
  readonly store: LockStore;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly log: Log;
}

/** Where anybody may have written what nobody has checked. */
const UNATTRIBUTED = "mqtt:unattributed";
const DEFAULT_PRIORITY = 50;
/** How soon the end of a lease is tried again when it could not be written. */
const RETRY_MS = 1000;
/** A token beyond it was never given by us. */
const HIGHEST_FENCE = 2 ** 52;
/** By how much fences rise when the store is an old one again: more than anybody took since it was saved. */
const AFTER_RESTORE = 2 ** 20;

/**
 * The locks of the site. Everything happens in order, one thing at a time; a new fence is on the disk before anybody
 * reads it.
 */
export class Locks {
  readonly #options: LocksOptions;
  readonly #book = new LockBook();
  readonly #turns = new Turns();
  #nodes: ReadonlyMap<NodeId, KnownNode> = new Map();
  readonly #board: LockBoard;
  #timer: AbortController | undefined;

  constructor(options: LocksOptions) {
    this.#options = options;
    this.#board = new LockBoard(options);
  }

  /** Takes up the locks of a former process. */
  resume(): Promise<void> {
    return this.#turns.take(async () => {
      const { store } = this.#options;
      const [active, fences] = [await store.active(), await store.fences()];
      const change = this.#book.resume(active, fences, await store.order(), this.#now());
      await this.#make(change);
    });
  }

  /**
   * The nodes of the site from now on. Locks over nodes that are gone end.
   * @param restored set when the store is an older one again: fences rise by more than anybody can have taken since,
   *   also of nodes that have none here, and that is settled with it
   */
  setNodes(nodes: Iterable<KnownNode>, restored?: Restored): Promise<void> {
    return this.#turns.take(async () => {
      const { log } = this.#options;
      this.#nodes = new Map([...nodes].map((node) => [node.id, node]));
      this.#board.setNodes(this.#nodes.keys());
      const now = this.#now();
      if (restored) {
        const all = new Set([...this.#nodes.keys(), ...this.#book.fencedNodes]);
        const raised = [...all].map(
          (node) => [node, this.#book.fence(node) + AFTER_RESTORE] as const,
        );
        await this.#make(this.#book.raise(raised, now), { beside: [restored.settled] });
        log.warn(
          { backupAt: restored.backupAt, nodes: raised.length },
          "the store was put back from a backup; the fences of all nodes were raised above any that was given since",
        );
      }
      await this.#make(this.#book.keepOnly(new Set(this.#nodes.keys()), now), {
        reason: "a node of the lock is not declared any more",
      });
      this.#publish(this.#nodes.keys());
    });
  }

  /** An agent has said which fences it has seen. Ours are never lower than what was once obeyed. */
  described(fences: Readonly<Record<string, number>>): Promise<void> {
    return this.#turns.take(async () => {
      const { log } = this.#options;
      const ahead = Object.entries(fences).filter(
        ([node, fence]) =>
          this.#nodes.has(node as NodeId) && fence > this.#book.fence(node as NodeId),
      );
      const raised = ahead.flatMap(([node, fence]) =>
        fence < HIGHEST_FENCE ? [[node as NodeId, fence + 1] as const] : [],
      );
      if (raised.length < ahead.length) {
        log.error({}, "an agent has seen a fence that cannot be; look who else commands it");
      }
      if (raised.length === 0) return;
      log.warn(
        { nodes: raised.length },
        "an agent has seen newer fences than this store; they rise above",
      );
      try {
        await this.#make(this.#book.raise(raised, this.#now()));
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        log.error(
          { error: error.message },
          "newer fences could not be written; the agent's next description brings them again",
        );
      }
    });
  }

  acquire(ask: AcquireLock, asker: Asker): Promise<Lock> {
    return this.#serve(asker, async () => {
      const resolved = resolveNodes(ask.nodes, this.#nodes);
      if (!resolved.ok) throw new RequestError("invalid", resolved.message, { field: "nodes" });
      const { nodes } = resolved;
      if (!canBeFolded(nodes)) {
        throw new RequestError(
          "too-large",
          "the names of these nodes are too many to be told in one lock; lock them with several",
          { field: "nodes" },
        );
      }
      if (ask.id !== undefined) {
        const known = await this.#find(ask.id);
        if (known) return this.#repeated(known, nodes, asker);
      }
      const id = ask.id ?? commandId(mintCommandId());
      const change = this.#book.acquire(
        {
          id,
          holder: asker.actor,
          reason: ask.reason,
          nodes,
          priority: ask.priority ?? DEFAULT_PRIORITY,
          leaseMs: ask.leaseMs ?? LEASE_MS.default,
          queue: ask.queue ?? false,
        },
        this.#now(),
      );
      await this.#make(change, {
        beside: this.#intent("lock.acquire", id, asker, ask.reason, ask.nodes),
      });
      return this.#told(id);
    });
  }

  renew(id: CommandId, leaseMs: number | undefined, asker: Asker): Promise<Lock> {
    return this.#serve(asker, async () => {
      await this.#mustLive(id);
      await this.#make(this.#book.renew(id, asker.actor, leaseMs, this.#now()));
      return this.#told(id);
    });
  }

  release(id: CommandId, asker: Asker): Promise<Lock> {
    return this.#serve(asker, async () => {
      const known = await this.#find(id);
      // Given back twice is given back.
      if (known?.endedAt !== undefined && known.holder === asker.actor) return lockText(known);
      const change = this.#book.release(id, asker.actor, this.#now());
      await this.#make(change, { beside: this.#intent("lock.release", id, asker) });
      return this.#told(id);
    });
  }

  break(id: CommandId, reason: string, asker: Asker): Promise<Lock> {
    return this.#serve(asker, async () => {
      const known = await this.#find(id);
      if (known?.endedAt !== undefined) return lockText(known);
      const change = this.#book.break(id, asker.actor, this.#now());
      await this.#make(change, { reason, beside: this.#intent("lock.break", id, asker, reason) });
      return this.#told(id);
    });
  }

  get(id: CommandId): Promise<Lock> {
    return this.#turns.take(() => this.#told(id));
  }

  /** Newest first. @throws RequestError `invalid` for a cursor that is none */
  async list(activeOnly: boolean, cursor: string | undefined, limit: number): Promise<LockPage> {
    const found = await this.#options.store.page(activeOnly, orderOf(cursor), limit + 1);
    const now = found.map((lock) => this.#book.active.get(lock.id) ?? lock);
    return pageOf(now, limit, (id) => this.#book.position(id));
  }

  /** Who else than the actor holds one of these nodes. */
  heldByOthers(nodes: Iterable<NodeId>, actor: string): { node: NodeId; holder: string }[] {
    const wanted = new Set(nodes);
    return [...this.#book.active.values()]
      .filter(({ state, holder }) => state === "Held" && holder !== actor)
      .flatMap(({ nodes: own, holder }) =>
        own.filter((node) => wanted.has(node)).map((node) => ({ node, holder })),
      );
  }

  /** Lets go of the clock; locks go on when the service is started again. */
  async stop(): Promise<void> {
    await this.#turns.stop();
    this.#timer?.abort();
  }

  async #serve(asker: Asker, run: () => Promise<Lock>): Promise<Lock> {
    if (asker.actor === UNATTRIBUTED) {
      throw new RequestError(
        "not-allowed",
        "who asks is not known on this broker, and so cannot hold a lock; use the gateway",
      );
    }
    return this.#turns.take(async () => {
      await this.#expire();
      return run();
    });
  }

  async #find(id: CommandId): Promise<BookLock | undefined> {
    return this.#book.active.get(id) ?? (await this.#options.store.find(id));
  }

  async #mustLive(id: CommandId): Promise<void> {
    const lock = await this.#find(id);
    if (lock?.endedAt === undefined) return;
    const by = lock.endedBy === undefined ? "" : ` by ${lock.endedBy}`;
    throw new RequestError(
      "precondition-failed",
      `lock ${id} is ${lock.state} since ${lock.endedAt}${by}; acquire a new one and look what was done in between`,
    );
  }

  #repeated(known: BookLock, nodes: readonly NodeId[], { actor }: Asker): Lock {
    const same =
      known.nodes.length === nodes.length &&
      new Set([...known.nodes, ...nodes]).size === nodes.length;
    if (known.holder !== actor || !same) {
      throw new RequestError(
        "conflict",
        `the id ${known.id} was used for another lock; choose a new one`,
        { field: "id" },
      );
    }
    return this.#text(known);
  }

  async #told(id: CommandId): Promise<Lock> {
    const lock = await this.#find(id);
    if (!lock)
      throw new RequestError(
        "not-found",
        `there is no lock ${id}; list-locks shows those there are`,
      );
    return this.#text(lock);
  }

  #text(lock: BookLock): Lock {
    return lockText(lock, {
      position: this.#book.position(lock.id),
      fence: (node) => this.#book.fence(node),
    });
  }

  #intent(
    act: string,
    id: CommandId,
    { actor, via }: Asker,
    reason?: string,
    nodes?: string,
  ): readonly Statement[] {
    return this.#options.audit.statements({
      actor,
      via,
      act,
      subject: id,
      stage: "intent",
      ...(reason === undefined ? {} : { reason }),
      ...(nodes === undefined ? {} : { data: { nodes: nodes.slice(0, 4000) } }),
    });
  }

  async #expire(): Promise<void> {
    const change = this.#book.expire(this.#now());
    if (change.locks.length > 0) await this.#make(change);
    // A timer may be early.
    else this.#arm();
  }

  /** Writes a change, then makes it true, then tells. */
  async #make(
    change: LockChange,
    { reason, beside = [] }: { reason?: string; beside?: readonly Statement[] } = {},
  ): Promise<void> {
    const { store } = this.#options;
    if (change.locks.length > 0 || change.fences.size > 0 || beside.length > 0) {
      try {
        await store.save(change, beside);
      } catch (error) {
        if (!(error instanceof StorageError) || error.code === "programming") throw error;
        throw new RequestError(
          "storage-failed",
          `the lock could not be written, so nothing was done: ${error.message}`,
          { cause: error },
        );
      }
      this.#book.commit(change);
      this.#publish(
        new Set([...change.locks.flatMap(({ nodes }) => nodes), ...change.fences.keys()]),
      );
      for (const lock of change.locks) this.#board.tell(lock, reason);
    }
    this.#arm();
  }

  #publish(nodes: Iterable<NodeId>): void {
    const book = this.#book;
    this.#board.publish(book.active.values(), nodes, (node) => book.fence(node));
  }

  /** Waits for the end of the next lease. */
  #arm(): void {
    this.#timer?.abort();
    const next = this.#book.nextDeadlineMs();
    if (next === undefined || this.#turns.stopped) return;
    this.#wake(Math.max(0, next - this.#options.clock.monotonicMs()));
  }

  #wake(afterMs: number): void {
    const { clock, log } = this.#options;
    const timer = new AbortController();
    this.#timer = timer;
    clock
      .sleep(milliseconds(afterMs), timer.signal)
      .then(() => this.#turns.take(() => this.#expire()))
      .catch((error: unknown) => {
        if (timer.signal.aborted || this.#turns.stopped) return;
        if (!(error instanceof RequestError)) throw error;
        log.error(
          { error: error.message },
          "the end of a lease could not be written; it is tried again",
        );
        this.#wake(RETRY_MS);
      });
  }

  #now(): Instant {
    const { clock } = this.#options;
    return { wall: clock.now(), monotonicMs: clock.monotonicMs() };
  }
}
