import { failpoint } from "@outrider/storage/failpoint";

/** Where a test may end the agent, in the order in which a command passes them. */
export const AGENT_FAILPOINTS = [
  /** Everything was checked; nothing is written. */
  "agent.before-accept",
  /** The command is in the journal; nobody was told and nothing done. */
  "agent.accepted",
  /** Just before a device is asked to act. */
  "agent.acting",
  /** The device has answered; nothing was read back. */
  "agent.acted",
  /** A cycle's supply was read back as off; not in the journal yet. */
  "agent.off-verified",
  /** That is in the journal; the time without supply begins. */
  "agent.dwelling",
  /** An automatic power-on, a cycle's above all, is in the journal and not done. */
  "agent.before-on",
  /** The outcome is known and not in the journal. */
  "agent.verified",
  /** It is in the journal and was not reported. */
  "agent.committed",
  /** It was sent and not acknowledged. */
  "agent.reported",
] as const;
export type AgentFailpoint = (typeof AGENT_FAILPOINTS)[number];

export const crashPoint: (name: AgentFailpoint) => void = failpoint;
