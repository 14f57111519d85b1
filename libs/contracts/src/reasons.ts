/**
 * Why a command was refused or ended badly, and what whoever asked should do.
 * The list is closed: code maps these, never the sentences beside them.
 */
export const REASONS = {
  invalid: "The payload could not be read. Mend the named field and send again.",
  "unknown-node": "No such node in the site. Check the id; `outrider get nodes` lists them.",
  "unsupported-action":
    "The control interfaces of the node cannot do this. The sentence names what they can.",
  retained: "The command was published with the retain flag. Publish again without it.",
  "not-allowed": "Whoever asked may not do this.",
  busy: "Another action runs on the node. Wait for its terminal result, or send ForceOff to stop a graceful wait.",
  locked: "The node is locked by somebody else. Ask the holder, or break the lock.",
  "agent-away": "The agent that is wired to the node is not connected. Check its host and network.",
  "endpoint-failed": "The agent could not open the endpoint. Its description says why.",
  "no-start-slot":
    "The power domain had no room for a start in time: its spacing, its concurrent starts or its watts are used up. The sentence says which. Send again with a longer ttl, or as a transition.",
  interlocked:
    "An interlock of the node’s role forbids this now, as on the last running node of the role. Bring another one up first, or override with a reason.",
  "drain-failed":
    "The drain hook of the node’s role failed or was late, so the node was left up. Its output is in the sentence.",
  aborted: "The transition was aborted before this had begun; nothing was done.",
  expired: "The command came too late to be started. Send it again.",
  "stale-epoch": "The agent started a new session in between, so nothing was done. Send it again.",
  "clock-unknown": "The agent has not heard the issuer’s clock. Send again in a few seconds.",
  fenced: "A newer holder of the lock exists. Acquire the lock again.",
  "expectation-failed":
    "The node was not in the state that the command expected. Look, then decide.",
  "unknown-endpoint":
    "The agent does not have this endpoint (yet). Check that its configuration was applied.",
  "needs-cycle":
    "The host is halted on a live supply and has no way to be woken. Use PowerCycle, or declare `wake`.",
  "supply-off": "The supply is off, so there is nothing to act on. Use On.",
  "host-halted":
    "The host has halted, so there is nothing to ask of it. Use On, or PowerCycle where On needs a cycle.",
  "fault-latched":
    "Power-on attempts are exhausted. Mend the cause; a person’s next On clears the fault.",
  refused: "The device said no. Its answer is in the sentence.",
  unreachable: "The device could not be reached. Check cable, address and credentials.",
  "timed-out": "The device did not answer in time. Its state is being read again.",
  "not-verified": "The device accepted the command but did not change. Look at the device.",
  "not-obeyed":
    "The host did not shut down in time. Nothing was forced; send again with `escalate`, or ForceOff.",
  interrupted: "The agent was restarted in the middle. The sentence says what is known now.",
  superseded: "ForceOff took the place of this command.",
  "agent-lost":
    "The agent went away after it had been asked. What happened is not known; look at the state.",
  "never-started": "The command never reached the agent, so nothing was done. Send it again.",
  "storage-failed":
    "The journal could not be written, so nothing was done. Free disk space on the named host.",
  internal: "A defect in Outrider. The log of the named service has the details.",
} as const;

export type ReasonCode = keyof typeof REASONS;
export const REASON_CODES = Object.keys(REASONS) as ReasonCode[];
