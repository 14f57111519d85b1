import type { NodeEvent } from "@outrider/contracts/node";
import type { CommandStatus } from "@outrider/contracts/power";
import type { Happened } from "./event-log.js";

const SEVERITY_OF: Readonly<Partial<Record<CommandStatus, NodeEvent["severity"]>>> = {
  Succeeded: "info",
  Rejected: "notice",
  Canceled: "notice",
};

/** The event of a power command that has ended: the same however it was learnt. */
export function powerResultOf(
  node: string,
  result: {
    readonly id: string;
    readonly action?: string | undefined;
    readonly status: CommandStatus;
    readonly actor: string;
    readonly via: string;
    readonly reasonCode?: string | undefined;
    readonly detail?: string | undefined;
    readonly endedAt?: string | undefined;
  },
): Happened {
  const { id, action, status, actor, via, reasonCode, detail, endedAt } = result;
  return {
    id: `power ${node} ${actor} ${id}`,
    at: endedAt,
    subject: `node:${node}`,
    severity: SEVERITY_OF[status] ?? "error",
    kind: "power-result",
    message: `${action ?? "a command"} by ${actor}: ${status}${detail === undefined ? "" : `; ${detail}`}`,
    data: {
      id,
      ...(action === undefined ? {} : { action }),
      status,
      actor,
      via,
      ...(reasonCode === undefined ? {} : { reasonCode }),
    },
  };
}
