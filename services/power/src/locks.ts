import { Inject, Injectable } from "@nestjs/common";
import type { Clock } from "@outrider/contracts/clock";
import { isNodeId, type CommandId, type NodeId } from "@outrider/contracts/ids";
import { LEASE_MS, nodeLock, type LockHolder, type NodeLock } from "@outrider/contracts/lock";
import type { ReasonCode } from "@outrider/contracts/reasons";
import { serviceStatus, type ServiceStatus } from "@outrider/contracts/service";
import { Session, type Meta, type Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import { CLOCK } from "@outrider/service-kit/tokens";

/** Who published where no broker of ours says so (a foreign broker). Holds no locks and overrides nothing. */
export const UNATTRIBUTED = "mqtt:unattributed";

/** Inventory is given this long to come back and say that a lease was renewed or has ended, in milliseconds. */
const GRACE_MS = 5000;

/** Why somebody may not act on a node now. */
export interface Refusal {
  readonly reasonCode: ReasonCode;
  readonly detail: string;
}

/** What is known of a node's lock. */
interface Known {
  readonly lock: NodeLock;
  /** Whether inventory has said it on this connection; else it is remembered. */
  readonly isSaid: boolean;
  /** Whether inventory has said it in the life of this process. */
  readonly wasSaid: boolean;
  /** When the lease is over where inventory does not say so itself, by our monotonic clock. */
  readonly endsMs: number;
}

/**
 * Who holds which node, as inventory last said it. While inventory is there, a lock is held until it says otherwise:
 * the end of a lease is its to judge, and nobody's calendar counts. While it is away, what was left of the lease when it
 * was last said runs out on our monotonic clock.
 */
@Injectable()
export class Locks {
  readonly #locks = new Map<NodeId, Known>();
  /** Nodes whose lock has changed since it was last asked for. */
  #news = new Set<NodeId>();
  #isInventoryThere = false;
  #tellNews: () => void = () => undefined;

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(Session) session: Pick<Session, "onDisconnect">,
  ) {
    session.onDisconnect(() => this.disconnected());
  }

  @OnMessage(nodeLock, { cleared: "cleared" })
  heard({ payload, parameters: { node } }: Received<NodeLock, { readonly node: string }>): void {
    if (isNodeId(node)) this.take(node, payload);
  }

  cleared({ parameters: { node } }: Meta<{ readonly node: string }>): void {
    if (!isNodeId(node)) return;
    this.#locks.delete(node);
    this.#changed(node);
  }

  @OnMessage(serviceStatus)
  serviceStatus({
    payload: { state },
    parameters: { service },
  }: Received<ServiceStatus, { readonly service: string }>): void {
    if (service === "inventory") this.inventoryIs(state);
  }

  /** Inventory has said of itself, or the broker of it, how it is. */
  inventoryIs(state: ServiceStatus["state"]): void {
    this.#isInventoryThere = state === "ready" || state === "degraded";
  }

  /** Nobody says anything any more until the next connection, where everything is said again. */
  disconnected(): void {
    this.#isInventoryThere = false;
    for (const [node, known] of this.#locks) this.#locks.set(node, { ...known, isSaid: false });
  }

  /** Who holds a node is as inventory says; its fence only rises, also where inventory came back from an old backup. */
  take(node: NodeId, lock: NodeLock): void {
    this.#put(node, lock, true);
  }

  /** What a former process knew. The calendar alone says what is left of its lease. */
  recall(node: NodeId, lock: NodeLock): void {
    this.#put(node, lock, false);
  }

  /** Called when there is news for {@link news}. */
  onNews(listener: () => void): void {
    this.#tellNews = listener;
  }

  /** The locks that have changed since the last call. */
  news(): [NodeId, NodeLock | undefined][] {
    const news = [...this.#news].map((node): [NodeId, NodeLock | undefined] => [
      node,
      this.#locks.get(node)?.lock,
    ]);
    this.#news = new Set();
    return news;
  }

  /** Whoever asked for news could do nothing with these: they are news again. */
  unsaved(nodes: Iterable<NodeId>): void {
    for (const node of nodes) this.#news.add(node);
  }

  /** Fencing token of the node's last holder; 0 where there never was one. */
  fence(node: NodeId): number {
    return this.#locks.get(node)?.lock.fence ?? 0;
  }

  /** Who holds a node now. */
  holder(node: NodeId): LockHolder | undefined {
    const known = this.#locks.get(node);
    if (!known?.lock.held) return undefined;
    if (this.#isInventoryThere && known.isSaid) return known.lock.held;
    return this.clock.monotonicMs() <= known.endsMs + GRACE_MS ? known.lock.held : undefined;
  }

  #put(node: NodeId, lock: NodeLock, isSaid: boolean): void {
    const before = this.#locks.get(node);
    const next = { ...lock, fence: Math.max(lock.fence, before?.lock.fence ?? 0) };
    // The same again, at another connection, is not received anew: the calendar may have been set since.
    const isSame =
      before?.wasSaid === true &&
      before.lock.held?.lock === next.held?.lock &&
      before.lock.held?.until === next.held?.until;
    this.#locks.set(node, {
      lock: next,
      isSaid,
      wasSaid: isSaid,
      endsMs: isSame ? before.endsMs : this.#endOf(next),
    });
    // Inventory says everything again at each connection.
    if (JSON.stringify(before?.lock) !== JSON.stringify(next)) this.#changed(node);
  }

  #endOf({ held }: NodeLock): number {
    const leftMs = held ? Date.parse(held.until) - this.clock.now().getTime() : 0;
    return this.clock.monotonicMs() + Math.min(Math.max(0, leftMs), LEASE_MS.max);
  }

  #changed(node: NodeId): void {
    this.#news.add(node);
    this.#tellNews();
  }

  /**
   * Whether a lock keeps an actor from acting on a node.
   * @param lock the lock that must stand on the node, where one was named
   */
  judge(node: NodeId, actor: string, lock?: CommandId): Refusal | undefined {
    const held = this.holder(node);
    return judgeLock(node, actor, held, lock);
  }
}

/** Whether a lock keeps an actor from acting. Pure. */
export function judgeLock(
  node: NodeId,
  actor: string,
  held: LockHolder | undefined,
  lock: CommandId | undefined,
): Refusal | undefined {
  if (lock !== undefined && actor === UNATTRIBUTED) {
    const detail = "who asks is not known on this broker, so no lock can be used; sign in";
    return { reasonCode: "not-allowed", detail };
  }
  if (held && (held.holder !== actor || actor === UNATTRIBUTED)) {
    const why = held.reason === undefined ? "" : ` (${held.reason})`;
    const detail = `${held.holder} holds ${node} until ${held.until}${why}; ask the holder, or break lock ${held.lock}: \`outrider lock break ${held.lock}\``;
    return { reasonCode: "locked", detail };
  }
  if (lock !== undefined && held?.lock !== lock) {
    const now = held ? `lock ${held.lock} stands on it` : "no lock stands on it";
    const detail = `lock ${lock} does not stand on ${node} any more; ${now}. Acquire it again`;
    return { reasonCode: "fenced", detail };
  }
  return undefined;
}
