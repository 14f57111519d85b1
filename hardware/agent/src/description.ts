import { agentDescription, type AgentDescription } from "@outrider/contracts/agent";
import type { AgentId } from "@outrider/contracts/ids";
import type { Session } from "@outrider/messaging/session";

/**
 * Publishes what an agent has and can: on each connection before the birth, and when it has changed, once for changes
 * of the same moment.
 * @returns to be called when it may have changed
 */
export function describeAgent(
  session: Session,
  agent: AgentId,
  make: () => Omit<AgentDescription, "epoch">,
): () => void {
  let said = "";
  const describe = (epoch: string): void => {
    const description = { epoch, ...make() };
    const text = JSON.stringify(description);
    if (text === said) return;
    said = text;
    session.retain(agentDescription, { agent }, description);
  };
  session.onConnect(({ epoch }) => describe(epoch));
  let planned = false;
  return () => {
    if (planned) return;
    planned = true;
    setImmediate(() => {
      planned = false;
      if (session.epoch !== undefined) describe(session.epoch);
    });
  };
}
