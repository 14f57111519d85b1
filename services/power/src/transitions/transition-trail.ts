import type { AuditLog } from "@outrider/audit/audit-log";
import type { NodeId } from "@outrider/contracts/ids";
import type { Via } from "@outrider/contracts/power";
import type { TaskCounts } from "@outrider/contracts/transition";
import type { Statement } from "@outrider/storage/storage";
import type { HooksResult, RoleHook } from "../hooks/hooks.js";
import type { Head, Order } from "./task.js";

/** What transitions leave in the audit log of the power service, beside the records of their commands. */
export class TransitionTrail {
  constructor(private readonly audit: AuditLog) {}

  /** Part of the transaction that records a new transition. */
  created(order: Order, total: number): Statement[] {
    const { id, actor, via, reason, action, nodes, lock, override, skipDrain } = order;
    const data = {
      action,
      nodes: nodes.slice(0, 2000),
      total,
      ...(lock === undefined ? {} : { lock }),
      ...(override === true ? { override } : {}),
      ...(skipDrain === true ? { skipDrain } : {}),
    };
    return this.audit.statements({
      actor,
      via,
      act: "power.transition",
      subject: id,
      reason,
      data,
    });
  }

  /** Part of the transaction that records its end. */
  ended({ id, actor, via }: Order, { state }: Head, counts: TaskCounts): Statement[] {
    const data = { state, ...counts };
    const stage = "outcome";
    return this.audit.statements({ actor, via, act: "power.transition", subject: id, stage, data });
  }

  /** Part of the transaction that records that it was aborted. */
  aborted({ id }: Order, actor: string, via: Via): Statement[] {
    return this.audit.statements({ actor, via, act: "power.transition.abort", subject: id });
  }

  /**
   * Records that hooks are about to run for a node.
   * @throws StorageError; then they must not run
   */
  async hooks(
    { id, actor, via, reason, action }: Order,
    node: NodeId,
    which: "drain" | "undrain",
    hooks: readonly RoleHook[],
  ): Promise<void> {
    const data = { transition: id, action, roles: hooks.map(({ role }) => role) };
    await this.audit.append({ actor, via, act: `power.${which}`, subject: node, reason, data });
  }

  /** Records how they went. */
  async hooksEnded(
    { id, actor, via }: Order,
    node: NodeId,
    which: "drain" | "undrain",
    { go, detail }: HooksResult,
  ): Promise<void> {
    const data = { transition: id, go, ...(detail === undefined ? {} : { detail }) };
    const stage = "outcome";
    await this.audit.append({ actor, via, act: `power.${which}`, subject: node, stage, data });
  }
}
