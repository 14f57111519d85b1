import type { NodeId } from "@outrider/contracts/ids";
import type { Log } from "@outrider/messaging/log";
import { isStorageError } from "@outrider/storage/storage-error";
import type { Hooks, HooksResult, RoleHook } from "../hooks/hooks.js";
import type { Order } from "./task.js";
import type { TransitionTrail } from "./transition-trail.js";

/** Runs the hooks of a task's node, with a record in the audit log before and after. */
export class TaskHooks {
  constructor(
    private readonly parts: {
      readonly hooks: Hooks;
      readonly trail: TransitionTrail;
      readonly log: Log;
    },
  ) {}

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
