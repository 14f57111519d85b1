import type { AgentCommand, AgentStatus } from "@outrider/contracts/agent";
import { endpointId, nodeId, type CommandId } from "@outrider/contracts/ids";
import type { PowerResult, PowerState } from "@outrider/contracts/power";
import { agentStatus } from "@outrider/contracts/agent";
import { presenceOf, type Presence } from "../presence.js";

const AT = "2026-01-01T00:00:00.000Z";

export function statusOf(state: "ready" | "lost", epoch: string): AgentStatus {
  return { state, epoch, version: "1.0.0", startedAt: AT };
}

export function agentPresence(agent: string): Presence {
  return presenceOf(
    agentStatus,
    { agent },
    {
      birth: (epoch) => statusOf("ready", epoch),
      will: (epoch) => statusOf("lost", epoch),
    },
  );
}

/** A state that is told apart by its age. */
export function stateSample(staleAfterMs: number): PowerState {
  const age = { evidence: "ReadBack", since: AT, observedAt: AT, staleAfterMs } as const;
  return { supply: { value: "On", ...age }, host: { value: "Unknown", ...age } };
}

export function resultSample(id: CommandId, seq: number, more: Partial<PowerResult>): PowerResult {
  return {
    id,
    seq,
    action: "On",
    status: "InProgress",
    terminal: false,
    actor: "person:somebody",
    via: "mqtt",
    startedAt: AT,
    ...more,
  };
}

export function commandSample(id: CommandId): AgentCommand {
  return {
    v: 1,
    id,
    node: nodeId("n1"),
    endpoint: endpointId("n1", "power"),
    action: "On",
    actor: "person:somebody",
    via: "mqtt",
    issuedAt: AT,
    clock: { id: "clock", ms: 1 },
    ttlMs: 1000,
    epoch: "epoch",
  };
}
