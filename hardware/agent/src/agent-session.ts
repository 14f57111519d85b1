import { agentStatus } from "@outrider/contracts/agent";
import { timestamp, type Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import { presenceOf } from "@outrider/messaging/presence";
import { Session } from "@outrider/messaging/session";
import type { AgentConfig } from "./config.js";

export interface AgentSessionOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
}

/** The session of an agent on the bus, not started: whoever listens knows when it has come and when it is lost. */
export function agentSession(
  { id, mqttUrl, username, password }: AgentConfig,
  { clock, log, version }: AgentSessionOptions,
): Session {
  const startedAt = timestamp(clock);
  const status = (state: "ready" | "lost") => (epoch: string) => ({
    state,
    epoch,
    version,
    startedAt,
  });
  return new Session({
    url: mqttUrl,
    clientId: `agent-${id}`,
    username,
    password,
    clock,
    log,
    presence: presenceOf(
      agentStatus,
      { agent: id },
      { birth: status("ready"), will: status("lost") },
    ),
  });
}
