import { agentAck } from "@outrider/contracts/agent";
import type { Clock } from "@outrider/contracts/clock";
import { MessagingError } from "@outrider/messaging/errors";
import type { Log } from "@outrider/messaging/log";
import type { Session } from "@outrider/messaging/session";
import type { AgentLine } from "./agent-line.js";
import type { SpoolOrder } from "./spool-order.js";

/** What is known already is said again so often at most. */
const REPEAT_MS = 200;

/** Tells agents what the store has. A number is of the spool that the agent has now, and of no other. */
export class Acknowledgements {
  constructor(
    private readonly parts: {
      readonly session: Pick<Session, "publish">;
      readonly clock: Pick<Clock, "monotonicMs">;
      readonly log: Log;
    },
  ) {}

  /** There is more than before. Several batches of a group are acknowledged by one message. */
  advanced(line: AgentLine, spool: string, order: SpoolOrder): void {
    const { stored } = order;
    queueMicrotask(() => {
      if (order.stored === stored) this.#send(line, spool, stored);
    });
  }

  /** Something came that is stored already, or before its turn: which number is waited for is said again. */
  repeat(line: AgentLine, spool: string, order: SpoolOrder): void {
    if (this.parts.clock.monotonicMs() - line.acknowledgedMs >= REPEAT_MS) {
      this.#send(line, spool, order.stored);
    }
  }

  #send(line: AgentLine, spool: string, reading: number): void {
    // An agent that has lost its spool would take it for what it has now.
    if (line.spoolId !== spool) return;
    const { session, clock, log } = this.parts;
    line.acknowledgedMs = clock.monotonicMs();
    const { agent, epoch } = line;
    session
      .publish(agentAck, { agent, service: "telemetry" }, { epoch, reading })
      .catch((error: unknown) => {
        if (!(error instanceof MessagingError)) throw error;
        log.debug({ code: error.code, agent }, "not acknowledged; the agent sends it again");
      });
  }
}
