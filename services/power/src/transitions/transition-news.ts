import { foldNodes } from "@outrider/contracts/node-set";
import { milliseconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { CommandId, NodeId } from "@outrider/contracts/ids";
import { nodeEvent } from "@outrider/contracts/node";
import { serviceEvent } from "@outrider/contracts/service-plane";
import type { TaskState } from "@outrider/contracts/transition";
import { MessagingError } from "@outrider/messaging/errors";
import type { Log } from "@outrider/messaging/log";
import { mintId } from "@outrider/messaging/mint-id";
import type { Session } from "@outrider/messaging/session";
import { cutFolded } from "./transition-form.js";
import type { Changes } from "./progress.js";

/** At most four events a second and transition. */
const EVENT_EVERY_MS = 250;
/** All nodes of one event together have this much room, in characters. */
const MAX_FOLDED = 32_000;

interface Pending {
  changes: Changes;
  readonly tasks: Map<NodeId, TaskState>;
}

/** Tells other services what becomes of transitions. What could not be told is told with the next, the end too. */
export class TransitionNews {
  readonly #pending = new Map<CommandId, Pending>();
  readonly #telling = new Set<CommandId>();
  readonly #stopped = new AbortController();

  constructor(
    private readonly session: Session,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Changes were recorded. */
  tell(id: CommandId, changes: Changes): void {
    const pending = this.#pending.get(id) ?? { changes, tasks: new Map() };
    pending.changes = changes;
    for (const { node, state } of changes.tasks) pending.tasks.set(node, state);
    this.#pending.set(id, pending);
    void this.#tell(id);
  }

  /** The broker is there again. */
  connected(): void {
    for (const id of this.#pending.keys()) void this.#tell(id);
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** A node is up and could not be told so. Changes nothing else. */
  async undrainFailed(node: NodeId, transition: CommandId, detail: string): Promise<void> {
    await this.#published(() =>
      this.session.publish(
        nodeEvent,
        { node },
        {
          id: mintId(),
          at: timestamp(this.clock),
          severity: "warning",
          kind: "undrain-failed",
          message: detail.slice(0, 1000),
          data: { transition },
        },
      ),
    );
  }

  async #tell(id: CommandId): Promise<void> {
    if (this.#telling.has(id)) return;
    this.#telling.add(id);
    for (;;) {
      const pending = this.#pending.get(id);
      if (!pending || this.#stopped.signal.aborted) break;
      this.#pending.delete(id);
      if (!(await this.#publish(id, pending))) {
        this.#putBack(id, pending);
        break;
      }
      await this.clock
        .sleep(milliseconds(EVENT_EVERY_MS), this.#stopped.signal)
        .catch(() => undefined);
    }
    this.#telling.delete(id);
  }

  #putBack(id: CommandId, { changes, tasks }: Pending): void {
    const newer = this.#pending.get(id);
    const all = new Map([...tasks, ...(newer?.tasks ?? [])]);
    this.#pending.set(id, { changes: newer?.changes ?? changes, tasks: all });
  }

  #publish(id: CommandId, { changes, tasks }: Pending): Promise<boolean> {
    const { head, counts } = changes;
    return this.#published(() =>
      this.session.publish(
        serviceEvent,
        { service: "power" },
        {
          id: mintId(),
          at: timestamp(this.clock),
          kind: "transition",
          subject: id,
          data: {
            state: head.state,
            revision: head.revision,
            counts,
            ...(head.endedAt === undefined ? {} : { endedAt: head.endedAt }),
            changedTasks: foldedByState(tasks),
          },
        },
      ),
    );
  }

  async #published(publish: () => Promise<void>): Promise<boolean> {
    try {
      await publish();
      return true;
    } catch (error) {
      if (!(error instanceof MessagingError)) throw error;
      this.log.debug({ code: error.code }, "an event was not taken by the broker");
      return false;
    }
  }
}

function foldedByState(tasks: ReadonlyMap<NodeId, TaskState>): Record<string, string> {
  const byState = new Map<TaskState, NodeId[]>();
  for (const [node, state] of tasks) {
    const nodes = byState.get(state);
    if (nodes) nodes.push(node);
    else byState.set(state, [node]);
  }
  const room = Math.floor(MAX_FOLDED / Math.max(1, byState.size));
  return Object.fromEntries(
    [...byState].map(([state, nodes]) => [state, cutFolded(foldNodes(nodes), room)]),
  );
}
