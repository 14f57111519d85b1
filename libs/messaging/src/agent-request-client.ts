import { randomBytes } from "node:crypto";
import { AGENT_PROTOCOL } from "@outrider/contracts/agent";
import { agentReply, agentRequest, type AgentOperation } from "@outrider/contracts/agent-request";
import { systemClock, type Clock } from "@outrider/contracts/clock";
import type { AgentId } from "@outrider/contracts/ids";
import type { ServiceName } from "@outrider/contracts/ids";
import type { Via } from "@outrider/contracts/power";
import type { ClockBeacon } from "./clock-beacon.js";
import { mintCommandId } from "./mint-id.js";
import { checkAsked, readReply, Replies } from "./replies.js";
import { RequestError } from "./request-error.js";
import type { Session, Subscription } from "./session.js";

export interface AgentRequestOptions {
  /** On whose behalf: who asks has been checked by the caller. */
  readonly actor: string;
  readonly via: Via;
  /** The session of the agent that is meant; undefined where it is not there. */
  readonly epoch: string | undefined;
  /** How long to wait for the reply, in milliseconds. Default 10 s. */
  readonly withinMs?: number;
  readonly signal?: AbortSignal;
}

/** Asks agents for what is no command. One per service; its replies come on topics of its own. */
export class AgentRequestClient {
  readonly #client: string;
  readonly #replies: Replies;
  readonly #subscription: Subscription;

  constructor(
    private readonly session: Session,
    service: ServiceName,
    private readonly beacon: Pick<ClockBeacon, "reading">,
    clock: Clock = systemClock,
  ) {
    this.#client = `${service}-${randomBytes(6).toString("hex")}`;
    this.#replies = new Replies(session, clock);
    this.#subscription = session.subscribe(
      agentReply,
      { client: this.#client },
      ({ payload, parameters: { id } }) => this.#replies.settle(id, payload),
    );
  }

  /**
   * Asks once. A request is never queued for an agent that is away, and not repeated.
   * @throws RequestError as the agent says; `unavailable` when it was not asked; `timed-out` when it was and did not
   *   answer; the signal's reason when it is aborted
   */
  async ask<Request extends object, Reply extends object>(
    agent: AgentId,
    { name, request, reply }: AgentOperation<Request, Reply>,
    body: NoInfer<Request>,
    { actor, via, epoch, withinMs = 10_000, signal }: AgentRequestOptions,
  ): Promise<Reply> {
    checkAsked(request, body);
    const who = `agent ${agent}`;
    if (epoch === undefined) {
      const detail = `${who} is not connected; check its host and network`;
      throw new RequestError("unavailable", detail);
    }
    const id = mintCommandId();
    const answer = await this.#replies.exchange({
      id,
      who,
      withinMs,
      signal,
      send: async (within) => {
        await this.session.ready(within);
        await this.#subscription.acknowledged(within);
        await this.session.publish(
          agentRequest,
          { agent, operation: name },
          {
            v: AGENT_PROTOCOL,
            id,
            client: this.#client,
            actor,
            via,
            clock: this.beacon.reading(),
            ttlMs: withinMs,
            epoch,
            body: body as Record<string, unknown>,
          },
        );
      },
    });
    return readReply(reply, answer, who);
  }
}
