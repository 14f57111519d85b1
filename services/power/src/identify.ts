import { AuditLog } from "@outrider/audit/audit-log";
import { Inject, Injectable } from "@nestjs/common";
import { identifyOnAgent } from "@outrider/contracts/agent-request";
import { milliseconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { Refusal } from "@outrider/contracts/codec";
import {
  identifyNode,
  identifySet,
  type IdentifyNode,
  type IdentifySet,
  type NodeIdentified,
} from "@outrider/contracts/identify";
import { isNodeId, type NodeId } from "@outrider/contracts/ids";
import { nodeEvent } from "@outrider/contracts/node";
import type { Via } from "@outrider/contracts/power";
import { AgentRequestClient } from "@outrider/messaging/agent-request-client";
import { MessagingError } from "@outrider/messaging/errors";
import type { Log } from "@outrider/messaging/log";
import { mintId } from "@outrider/messaging/mint-id";
import { RequestError } from "@outrider/messaging/request-error";
import { Session, type Received, type Refused } from "@outrider/messaging/session";
import { OnMessage } from "@outrider/service-kit/on-message";
import { OnRequest, type Asked } from "@outrider/service-kit/on-request";
import { CLOCK, LOG } from "@outrider/service-kit/tokens";
import { isStorageError } from "@outrider/storage/storage-error";
import { UNATTRIBUTED } from "./locks.js";
import { Nodes } from "./nodes.js";
import { viaOf } from "./via.js";

interface Wish {
  readonly node: NodeId;
  readonly on: boolean;
  readonly forMs: number | undefined;
  readonly actor: string;
  readonly via: Via;
}

/**
 * The lamps of nodes. No command and no ladder: a lamp changes nothing of its host, so that whoever may act on a node
 * may light it, whoever holds a lock on it, and asking twice is safe.
 */
@Injectable()
export class Identify {
  constructor(
    @Inject(Session) private readonly session: Session,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
    @Inject(Nodes) private readonly nodes: Nodes,
    @Inject(AuditLog) private readonly audit: AuditLog,
    @Inject(AgentRequestClient) private readonly agents: AgentRequestClient,
  ) {}

  @OnRequest(identifyNode)
  asked({ body: { node, state }, actor, via }: Asked<IdentifyNode>): Promise<NodeIdentified> {
    return this.#identify({ node, actor, via, ...meant(state) });
  }

  /** What is asked by message and cannot be done is told as an event of the node. */
  @OnMessage(identifySet, { refused: "refused" })
  set(message: Received<IdentifySet, { readonly node: string }>): void | Promise<void> {
    const { payload, parameters, actor = UNATTRIBUTED, retain, wasRetained } = message;
    const { node } = parameters;
    if (!isNodeId(node)) return;
    if (retain || wasRetained) {
      this.#tell(node, "a retained request for the lamp was dropped; publish without the flag");
      return this.session.unstore(identifySet, { node });
    }
    // Not awaited: an agent that is slow to answer holds up nobody else.
    void this.#identify({ node, actor, via: viaOf(actor), ...meant(payload.state) }).catch(
      (error: unknown) => {
        if (!(error instanceof RequestError)) throw error;
        this.#tell(node, error.message);
      },
    );
  }

  async refused(
    { field, message }: Refusal,
    { parameters: { node }, retain, bytes }: Refused<{ readonly node: string }>,
  ): Promise<void> {
    if (!isNodeId(node) || Buffer.from(bytes).toString().trim() === "") return;
    if (retain) await this.session.unstore(identifySet, { node });
    this.#tell(node, `the lamp takes on, off, or a number of seconds: ${field} ${message}`);
  }

  /** Recorded before it is done. @throws RequestError */
  async #identify({ node, on, forMs, actor, via }: Wish): Promise<NodeIdentified> {
    if (!this.nodes.description(node)) {
      throw new RequestError("not-found", `there is no node ${node}`);
    }
    const binding = this.nodes.binding(node, "identify");
    if (!binding) {
      const detail = `${node} has no lamp: the site file declares no identify for it`;
      throw new RequestError("not-found", detail);
    }
    const { agent, endpoint } = binding;
    const lasting = forMs === undefined ? {} : { forMs };
    await this.#record({ node, on, actor, via, forMs });
    const answer = await this.agents.ask(
      agent,
      identifyOnAgent,
      { endpoint, on, ...lasting },
      { actor, via, epoch: this.nodes.epoch(agent) },
    );
    if (forMs === undefined || !answer.on) return { node, on: answer.on };
    const until = new Date(this.clock.now().getTime() + milliseconds(forMs)).toISOString();
    return { node, on: answer.on, until };
  }

  async #record({ node, on, forMs, actor, via }: Wish): Promise<void> {
    const lasting = forMs === undefined ? {} : { forMs };
    const entry = { actor, via, act: "node.identify", subject: node, data: { on, ...lasting } };
    try {
      await this.audit.append(entry);
    } catch (error) {
      if (!isStorageError(error)) throw error;
      const detail = `it could not be recorded, so nothing was done (${error.code}); free disk space`;
      throw new RequestError("storage-failed", detail, { cause: error });
    }
  }

  #tell(node: NodeId, message: string): void {
    const event = {
      id: mintId(),
      at: timestamp(this.clock),
      severity: "warning",
      kind: "identify-failed",
      message: message.slice(0, 1000),
    } as const;
    this.session.publish(nodeEvent, { node }, event).catch((error: unknown) => {
      if (!(error instanceof MessagingError)) throw error;
      this.log.debug({ node, code: error.code }, "an event was not sent");
    });
  }
}

function meant(state: string): Pick<Wish, "on" | "forMs"> {
  if (state === "on" || state === "off") return { on: state === "on", forMs: undefined };
  return { on: true, forMs: Number(state) * 1000 };
}
