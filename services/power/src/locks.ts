import { Inject, Injectable } from "@nestjs/common";
import type { Clock } from "@outrider/contracts/clock";
import { isNodeId, type CommandId, type NodeId } from "@outrider/contracts/ids";
import { nodeLock, type LockHolder, type NodeLock } from "@outrider/contracts/lock";
import type { ReasonCode } from "@outrider/contracts/reasons";
import type { Meta, Received } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import { CLOCK } from "@outrider/service-kit/tokens";

/** Who published where no broker of ours says so (a foreign broker). Holds no locks and overrides nothing. */
export const UNATTRIBUTED = "mqtt:unattributed";

/** Inventory is given this long to say that a lease was renewed or has ended, in milliseconds. */
const GRACE_MS = 5000;

/** Why somebody may not act on a node now. */
export interface Refusal {
  readonly reasonCode: ReasonCode;
  readonly detail: string;
}

/** Who holds which node, as inventory last said it. */
@Injectable()
export class Locks {
  readonly #locks = new Map<NodeId, NodeLock>();
  /** Nodes whose lock has changed since it was last asked for. */
  #news = new Set<NodeId>();

  constructor(@Inject(CLOCK) private readonly clock: Clock) {}

  @OnMessage(nodeLock, { cleared: "cleared" })
  heard({ payload, parameters: { node } }: Received<NodeLock, { readonly node: string }>): void {
    if (isNodeId(node)) this.take(node, payload);
  }

  cleared({ parameters: { node } }: Meta<{ readonly node: string }>): void {
    if (!isNodeId(node)) return;
    this.#locks.delete(node);
    this.#news.add(node);
  }

  /** Who holds a node is as inventory says; its fence only rises, also where inventory came back from an old backup. */
  take(node: NodeId, lock: NodeLock): void {
    const before = this.#locks.get(node);
    const next = { ...lock, fence: Math.max(lock.fence, before?.fence ?? 0) };
    this.#locks.set(node, next);
    // Inventory says everything again at each connection.
    if (JSON.stringify(before) !== JSON.stringify(next)) this.#news.add(node);
  }

  /** The locks that have changed since the last call. */
  news(): [NodeId, NodeLock | undefined][] {
    const news = [...this.#news].map((node): [NodeId, NodeLock | undefined] => [
      node,
      this.#locks.get(node),
    ]);
    this.#news = new Set();
    return news;
  }

  /** Fencing token of the node's last holder; 0 where there never was one. */
  fence(node: NodeId): number {
    return this.#locks.get(node)?.fence ?? 0;
  }

  /** Who holds a node now. */
  holder(node: NodeId): LockHolder | undefined {
    const held = this.#locks.get(node)?.held;
    if (!held) return undefined;
    return this.clock.now().getTime() <= Date.parse(held.until) + GRACE_MS ? held : undefined;
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
