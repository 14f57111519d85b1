import { timestamp, type Clock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import { nodeLock, type NodeLock } from "@outrider/contracts/lock";
import { nodeEvent } from "@outrider/contracts/node";
import { serviceEvent } from "@outrider/contracts/service-plane";
import type { Log } from "@outrider/messaging/log";
import { mintId } from "@outrider/messaging/mint-id";
import type { Session } from "@outrider/messaging/session";
import type { BookLock } from "./book-lock.js";
import { lockText } from "./lock-store.js";

interface LockBoardOptions {
  readonly session: Session;
  readonly clock: Clock;
  readonly log: Log;
}

/** Tells of locks: the document of each node, and what has happened. */
export class LockBoard {
  readonly #options: LockBoardOptions;
  #nodes: ReadonlySet<NodeId> = new Set();
  /** What stands on the broker. */
  readonly #published = new Map<NodeId, string>();

  constructor(options: LockBoardOptions) {
    this.#options = options;
  }

  /** The nodes of the site from now on. Documents of others are cleared. */
  setNodes(nodes: Iterable<NodeId>): void {
    this.#nodes = new Set(nodes);
    for (const node of this.#published.keys()) {
      if (this.#nodes.has(node)) continue;
      this.#published.delete(node);
      this.#options.session.retain(nodeLock, { node }, undefined);
    }
  }

  /** Publishes the documents of nodes of the site that have, or had, a lock. */
  publish(
    active: Iterable<BookLock>,
    nodes: Iterable<NodeId>,
    fenceOf: (node: NodeId) => number,
  ): void {
    const { session } = this.#options;
    const held = new Map<NodeId, BookLock>();
    const waiting = new Map<NodeId, number>();
    for (const lock of active) {
      for (const node of lock.nodes) {
        if (lock.state === "Held") held.set(node, lock);
        else waiting.set(node, (waiting.get(node) ?? 0) + 1);
      }
    }
    for (const node of nodes) {
      const fence = fenceOf(node);
      const holder = held.get(node);
      const waits = waiting.get(node) ?? 0;
      if (!this.#nodes.has(node) || (fence === 0 && waits === 0)) continue;
      const document: NodeLock = {
        fence,
        ...(holder ? { held: holderText(holder) } : {}),
        waiting: waits,
      };
      const text = JSON.stringify(document);
      if (this.#published.get(node) === text) continue;
      this.#published.set(node, text);
      session.retain(nodeLock, { node }, document);
    }
  }

  tell(lock: BookLock, reason: string | undefined): void {
    const { session, clock, log } = this.#options;
    const at = timestamp(clock);
    const { deadlineMs: _deadline, order: _order, nodes: _nodes, ...told } = lock;
    const failed = (error: unknown): void =>
      log.debug(
        { lock: lock.id, error: String(error) },
        "an event of a lock could not be published",
      );
    session
      .publish(
        serviceEvent,
        { service: "inventory" },
        {
          id: mintId(),
          at,
          kind: "lock",
          subject: lock.id,
          data: { ...told, nodes: lockText(lock).nodes },
        },
      )
      .catch(failed);
    if (lock.state !== "Broken") return;
    const message = `${lock.endedBy ?? "somebody"} broke the lock of ${lock.holder}${reason === undefined ? "" : `: ${reason}`}`;
    const data = { lock: lock.id, holder: lock.holder, brokenBy: lock.endedBy ?? "" };
    for (const node of lock.nodes) {
      if (!this.#nodes.has(node)) continue;
      session
        .publish(
          nodeEvent,
          { node },
          {
            id: mintId(),
            at,
            severity: "warning",
            kind: "lock-broken",
            message: message.slice(0, 1000),
            data,
          },
        )
        .catch(failed);
    }
  }
}

function holderText(lock: BookLock): NonNullable<NodeLock["held"]> {
  return {
    lock: lock.id,
    holder: lock.holder,
    ...(lock.reason === undefined ? {} : { reason: lock.reason }),
    since: lock.since ?? lock.askedAt,
    until: lock.until ?? lock.askedAt,
  };
}
