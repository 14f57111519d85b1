import {
  AGENT_PROTOCOL,
  type AgentCommand,
  type CommandReport,
  type EndpointAction,
} from "@outrider/contracts/agent";
import type { NodeId } from "@outrider/contracts/ids";
import type { Supply } from "@outrider/contracts/power";
import type { ReasonCode } from "@outrider/contracts/reasons";

/**
 * The order in which a command is accepted or refused. Pure: it says what is to be done; `commands.ts` does it.
 *
 * Retained? drop → known? repeat, never act → epoch → deadline → fence → endpoint → expectation → busy → accept.
 *
 * **Refusals are not journalled, and still never act later.** A command names a session, and within that session the
 * agent remembers every command that it has answered, refusals too, until the deadline has passed. A repetition thus
 * meets the remembered refusal, or its deadline has passed, or its session is over; none of these ever turns back. So
 * a refusal costs no write, and a flood of replayed commands wears no disk.
 *
 * For the same reason a command that would be accepted cannot be in the journal without being remembered, and the
 * journal is asked only before a refusal (`look-up`): what was done under the id long ago is repeated, not denied.
 * The primary key of the journal stands behind that argument.
 */
export interface GateFacts {
  readonly command: AgentCommand;
  /** The endpoint in the topic. */
  readonly addressed: string;
  /** Whether the publisher had set the retain flag, or the broker had stored it. */
  readonly retained: boolean;
  /** What was last said about this id, as remembered or as the journal has it. */
  readonly known: CommandReport | undefined;
  /** Whether the journal was asked. */
  readonly lookedUp: boolean;
  /** The present session; undefined without one. */
  readonly epoch: string | undefined;
  /** How long ago the command was issued, by the issuer's clock. Undefined: that clock is not known. */
  readonly ageMs: number | undefined;
  /** The highest token seen for the node. */
  readonly highestFence: number | undefined;
  readonly endpoint: GateEndpoint | undefined;
  /** What the supply was just read as, why it could not be read, or that nobody has looked. */
  readonly supply: Supply | { readonly problem: string } | "not-read";
}

export interface GateEndpoint {
  readonly node: NodeId;
  /** Why it could not be opened. */
  readonly failure: string | undefined;
  readonly actions: readonly EndpointAction[];
  /** What runs on it and may not be disturbed. */
  readonly busyWith: string | undefined;
  /** Set while power-on attempts are exhausted. */
  readonly fault: string | undefined;
}

export type GateDecision =
  | { readonly kind: "drop" }
  | { readonly kind: "repeat"; readonly report: CommandReport }
  /** Ask the journal for the id, then ask again. */
  | { readonly kind: "look-up" }
  /** Read the supply, then ask again. */
  | { readonly kind: "read" }
  | { readonly kind: "reject"; readonly reasonCode: ReasonCode; readonly detail: string }
  /** @property startWithinMs how much of the time to start is left */
  | { readonly kind: "accept"; readonly startWithinMs: number };

export function decide(facts: GateFacts): GateDecision {
  if (facts.retained) return { kind: "drop" };
  if (facts.known) return { kind: "repeat", report: facts.known };
  const decision = judge(facts);
  return decision.kind === "reject" && !facts.lookedUp ? { kind: "look-up" } : decision;
}

function judge(facts: GateFacts): GateDecision {
  const { command, epoch, ageMs, highestFence } = facts;
  if (command.v !== AGENT_PROTOCOL) {
    return reject(
      "invalid",
      `the command is of protocol version ${command.v}, this agent speaks ${AGENT_PROTOCOL}; update the older of the two`,
    );
  }
  if (command.endpoint !== facts.addressed) {
    return reject("invalid", "endpoint: is not the one in the topic");
  }
  if (epoch === undefined || command.epoch !== epoch) {
    return reject(
      "stale-epoch",
      "the command was meant for a former session of the agent, so nothing was done; send it again",
    );
  }
  if (ageMs === undefined) {
    return reject(
      "clock-unknown",
      "the issuer's clock has not been heard for 30 s, so the age of the command is not known and nothing was done; send it again in a few seconds",
    );
  }
  if (ageMs > command.ttlMs) {
    return reject(
      "expired",
      `the command was issued ${Math.round(ageMs)} ms ago and had to start within ${command.ttlMs} ms; nothing was done`,
    );
  }
  // A command without a token is of somebody who knows of no lock.
  const fence = command.fence ?? 0;
  if (fence < (highestFence ?? 0)) {
    return reject(
      "fenced",
      `the fencing token ${fence} is lower than ${highestFence}, which was seen; acquire the lock again`,
    );
  }
  const refusal = refusalByEndpoint(facts);
  if (refusal) return refusal;
  const { expect } = command;
  if (expect) {
    if (facts.supply === "not-read") return { kind: "read" };
    if (typeof facts.supply === "object") {
      return reject(
        "expectation-failed",
        `the supply was expected to be ${expect.supply} and could not be read: ${facts.supply.problem}`,
      );
    }
    if (facts.supply !== expect.supply) {
      return reject(
        "expectation-failed",
        `the supply was expected to be ${expect.supply} and is ${facts.supply}`,
      );
    }
  }
  const busyWith = facts.endpoint?.busyWith;
  if (busyWith !== undefined) {
    return reject("busy", `${busyWith} runs on ${command.endpoint}; wait for its result`);
  }
  return { kind: "accept", startWithinMs: command.ttlMs - ageMs };
}

function refusalByEndpoint({ command, endpoint }: GateFacts): GateDecision | undefined {
  if (!endpoint) {
    return reject(
      "unknown-endpoint",
      `this agent has no endpoint ${command.endpoint}; check that its configuration was applied`,
    );
  }
  if (endpoint.node !== command.node) {
    return reject(
      "invalid",
      `node: ${command.endpoint} belongs to ${endpoint.node}, not to ${command.node}`,
    );
  }
  if (endpoint.failure !== undefined) {
    return reject("endpoint-failed", `${command.endpoint} is not open: ${endpoint.failure}`);
  }
  if (!endpoint.actions.includes(command.action)) {
    return reject(
      "unsupported-action",
      `${command.endpoint} cannot ${command.action}; it can ${endpoint.actions.join(", ") || "do nothing"}`,
    );
  }
  if (endpoint.fault !== undefined && needsPowerOn(command)) {
    return reject(
      "fault-latched",
      `power-on attempts are exhausted (${endpoint.fault}); mend the cause, then On by a person clears the fault`,
    );
  }
  return undefined;
}

/** What could not be brought to its end while a fault is latched. A person's On is what clears it. */
function needsPowerOn({ action, via }: AgentCommand): boolean {
  return action === "PowerCycle" || (action === "On" && via === "policy");
}

function reject(reasonCode: ReasonCode, detail: string): GateDecision {
  return { kind: "reject", reasonCode, detail };
}
