import { AGENT_PROTOCOL } from "@outrider/contracts/agent";
import { seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { AgentId, EndpointId, NodeId } from "@outrider/contracts/ids";
import { agentReading, type EndpointReading } from "@outrider/contracts/reading-report";
import { MessagingError } from "@outrider/messaging/errors";
import type { Session } from "@outrider/messaging/session";
import type { AgentLog } from "../log.js";
import type { Said } from "./checked-sample.js";

/** What is taken within so long goes out together. */
const BATCH_EVERY = seconds(1);
/** So many readings fit into a message, whatever they say. */
const MOST_IN_BATCH = 1000;

/** A sample that was taken. */
export interface Taken {
  readonly endpoint: EndpointId;
  readonly node: NodeId;
  readonly at: string;
  /** When it was taken, by the monotonic clock. */
  readonly takenMs: number;
  readonly said: Said;
}

export interface ReadingsOptions {
  readonly agent: AgentId;
  readonly session: Pick<Session, "epoch" | "publish">;
  readonly clock: Clock;
  readonly log: AgentLog;
}

/**
 * What the agent's sensors and heartbeats gave, in numbered batches. What nobody can be told now is not kept: who keeps
 * batches until they are acknowledged stands between {@link take} and the session.
 */
export class Readings {
  #taken: Taken[] = [];
  #batches = 0;
  #stop: (() => void) | undefined;

  constructor(private readonly options: ReadingsOptions) {}

  start(): void {
    this.#stop ??= this.options.clock.every(BATCH_EVERY, () => this.#flush());
  }

  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#flush();
  }

  take(taken: Taken): void {
    this.#taken.push(taken);
    if (this.#taken.length >= MOST_IN_BATCH) this.#flush();
  }

  #flush(): void {
    const taken = this.#taken.splice(0);
    const { session, clock, agent, log } = this.options;
    const { epoch } = session;
    if (taken.length === 0 || epoch === undefined) return;
    const nowMs = clock.monotonicMs();
    const batch = {
      v: AGENT_PROTOCOL,
      epoch,
      seq: ++this.#batches,
      at: timestamp(clock),
      readings: taken.map((one) => readingOf(one, nowMs)),
    };
    session.publish(agentReading, { agent }, batch).catch((error: unknown) => {
      if (!(error instanceof MessagingError)) throw error;
      log.debug({ code: error.code, problem: error.message }, "readings were not sent");
    });
  }
}

function readingOf({ endpoint, node, at, takenMs, said }: Taken, nowMs: number): EndpointReading {
  return { endpoint, node, at, ageMs: Math.max(0, Math.round(nowMs - takenMs)), ...said };
}
