import type { AuditEntry } from "@outrider/audit/audit-entry";
import type { AgentCommand } from "@outrider/contracts/agent";
import type { EndpointId, NodeId } from "@outrider/contracts/ids";
import type { CommandRecord } from "./command-record.js";

/** For whom a supply is switched without a command of its own. */
export interface OnBehalf {
  readonly actor: string;
  readonly via: AuditEntry["via"];
  /** The command whose end it is. */
  readonly command?: string;
}

/** The policy that the site file declares for the endpoint. */
export const RESTORE: OnBehalf = { actor: "policy:restore", via: "policy" };
/** The end of a cycle that a former process, or a device that fell silent, has left open. */
export const RECOVERY: OnBehalf = { actor: "policy:recovery", via: "policy" };

const ACT = "power.actuate";

/** What the audit log says before a command is done. */
export function commandIntent(
  command: Pick<
    AgentCommand,
    "id" | "node" | "endpoint" | "action" | "actor" | "via" | "reason" | "fence"
  >,
): AuditEntry {
  const { id, node, endpoint, action, actor, via, reason, fence } = command;
  return {
    actor,
    via,
    act: ACT,
    subject: endpoint,
    ...(reason === undefined ? {} : { reason }),
    data: { action, command: id, node, ...(fence === undefined ? {} : { fence }) },
  };
}

/** What came of it. */
export function commandOutcome(
  command: Pick<CommandRecord, "actor" | "via">,
  report: { readonly id: string; readonly endpoint: EndpointId; readonly action: string } & {
    readonly status: string;
    readonly reasonCode?: string | undefined;
  },
): AuditEntry {
  const { id, endpoint, action, status, reasonCode } = report;
  return {
    actor: command.actor,
    via: command.via,
    act: ACT,
    subject: endpoint,
    stage: "outcome",
    data: { action, command: id, status, ...(reasonCode === undefined ? {} : { reasonCode }) },
  };
}

/** What it says before a supply is switched without a command of its own. */
export function policyIntent(
  { actor, via, command }: OnBehalf,
  endpoint: { readonly id: EndpointId; readonly desired: { readonly node: NodeId } },
  action: "On" | "ForceOff",
  reason: string,
): AuditEntry {
  return {
    actor,
    via,
    act: ACT,
    subject: endpoint.id,
    reason,
    data: { action, node: endpoint.desired.node, ...(command === undefined ? {} : { command }) },
  };
}

/** What came of that. */
export function policyOutcome(
  { actor, via }: OnBehalf,
  endpoint: EndpointId,
  action: "On" | "ForceOff",
  status: "Succeeded" | "Failed",
): AuditEntry {
  return { actor, via, act: ACT, subject: endpoint, stage: "outcome", data: { action, status } };
}
