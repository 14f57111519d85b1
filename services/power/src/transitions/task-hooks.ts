import { milliseconds, type Clock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import type { Log } from "@outrider/messaging/log";
import { isStorageError } from "@outrider/storage/storage-error";
import type { Hooks, HooksResult, RoleHook } from "../hooks/hooks.js";
import type { Order } from "./task.js";
import type { TransitionTrail } from "./transition-trail.js";
import type { WorldView } from "./world-view.js";

/** How often it is looked whether a node's hooks are known, in milliseconds. */
const HEARD_POLL_MS = 100;

/** Runs the hooks of a task's node, with a record in the audit log before and after. */
export class TaskHooks {
  constructor(
    private readonly parts: {
      readonly hooks: Hooks;
      readonly trail: TransitionTrail;
      readonly world: WorldView;
      readonly clock: Clock;
      readonly log: Log;
    },
  ) {}

  /** Whether a node has undrain hooks, or it is not known yet that it has none. */
  mayUndrain(node: NodeId): boolean {
    const { world } = this.parts;
    return !world.knowsHooks(node) || world.undrainHooks(node).length > 0;
  }

  /**
   * Tells a node that it is back, or stays, once its hooks are known.
   * @param signal aborted: what runs is killed
   * @returns what failed, in sentences
   */
  async undrain(order: Order, node: NodeId, signal: AbortSignal): Promise<string | undefined> {
    const { world, clock } = this.parts;
    while (!signal.aborted && !world.knowsHooks(node)) {
      await clock.sleep(milliseconds(HEARD_POLL_MS), signal).catch(() => undefined);
    }
    const hooks = world.undrainHooks(node);
    if (signal.aborted || hooks.length === 0) return undefined;
    const { detail } = await this.run(order, node, "undrain", hooks, signal);
    return detail;
  }

  /** Where it cannot be recorded they do not run, and the node stays as it is. */
  async run(
    order: Order,
    node: NodeId,
    which: "drain" | "undrain",
    list: readonly RoleHook[],
    signal: AbortSignal,
  ): Promise<HooksResult> {
    const { hooks, trail, log } = this.parts;
    const { action, actor, id, reason } = order;
    try {
      await trail.hooks(order, node, which, list);
    } catch (error) {
      if (!isStorageError(error)) throw error;
      const detail = `the ${which} hooks were not run, because the audit log could not be written (${error.code}); free disk space on the host of the power service`;
      return { go: false, detail };
    }
    const result = await hooks.run(
      list,
      {
        hook: which,
        node,
        action,
        actor,
        transition: id,
        ...(reason === undefined ? {} : { reason }),
      },
      signal,
    );
    try {
      await trail.hooksEnded(order, node, which, result);
    } catch (error) {
      if (!isStorageError(error)) throw error;
      log.warn({ node, err: error }, "how a hook ended could not be recorded in the audit log");
    }
    return result;
  }
}
