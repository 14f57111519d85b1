import { AGENT_PROTOCOL } from "@outrider/contracts/agent";
import {
  agentReply,
  agentRequest,
  type AgentOperation,
  type AgentReply,
  type AgentRequest,
} from "@outrider/contracts/agent-request";
import { milliseconds, type Clock } from "@outrider/contracts/clock";
import { check } from "@outrider/contracts/codec";
import type { AgentId } from "@outrider/contracts/ids";
import type { ClockTable } from "@outrider/messaging/clock-table";
import { MessagingError } from "@outrider/messaging/errors";
import { RequestError } from "@outrider/messaging/request-error";
import type { Received, Session } from "@outrider/messaging/session";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import { isStorageError } from "@outrider/storage/storage-error";
import type { AgentLog } from "./log.js";

/** So many requests are answered at once; who asks for more is to ask again. */
const MOST_AT_ONCE = 16;
/** Answers are messages of at most 64 KiB. */
const MOST_BYTES = 60_000;

/** What was asked, on whose behalf, and for how long. */
export interface AskedAgent<Request> {
  readonly body: Request;
  readonly actor: string;
  readonly via: AgentRequest["via"];
  /** Aborted when nobody waits for the answer any more, and when the agent stops. */
  readonly signal: AbortSignal;
}

export interface RequestsOptions {
  readonly agent: AgentId;
  readonly session: Session;
  readonly clock: Clock;
  readonly clocks: ClockTable;
  readonly log: AgentLog;
  readonly defect: (error: unknown) => void;
  /** Aborted when the agent stops. */
  readonly stopped: AbortSignal;
}

type Answer = (asked: AskedAgent<object>) => Promise<object>;

/**
 * Answers what services ask of the agent beside commands. As a command, a request names a session and has a deadline
 * that needs no wall clock; other than one it is not remembered, because asking again is safe.
 */
export class Requests {
  readonly #served = new Map<
    string,
    { operation: AgentOperation<object, object>; answer: Answer }
  >();
  #running = 0;

  constructor(private readonly options: RequestsOptions) {}

  /** @param answer @throws RequestError, PortError or StorageError, which whoever asked is told */
  serve<Request extends object, Reply extends object>(
    operation: AgentOperation<Request, Reply>,
    answer: (asked: AskedAgent<Request>) => Promise<Reply>,
  ): void {
    this.#served.set(operation.name, {
      operation,
      // Its body has been checked by then.
      answer: (asked) => answer(asked as AskedAgent<Request>),
    });
  }

  start(): void {
    const { session, agent } = this.options;
    session.subscribe(agentRequest, { agent }, (message) => void this.#take(message), {
      retained: "drop",
    });
  }

  async #take(message: Received<AgentRequest, { readonly operation: string }>): Promise<void> {
    const { session, agent, clocks, log, defect, stopped } = this.options;
    const { payload, parameters, receivedMs } = message;
    const { id, client } = payload;
    clocks.sample(payload.clock, receivedMs);
    try {
      const reply = await this.#reply(parameters.operation, payload);
      await session.publish(agentReply, { agent, client, id }, { id, ...reply });
    } catch (error) {
      if (stopped.aborted) return;
      if (!(error instanceof MessagingError)) return defect(error);
      log.debug({ operation: parameters.operation, code: error.code }, "a reply was not sent");
    }
  }

  async #reply(name: string, request: AgentRequest): Promise<Omit<AgentReply, "id">> {
    try {
      const { withinMs } = this.#judge(request);
      const served = this.#served.get(name);
      if (!served)
        throw new RequestError("not-found", "this agent has no such operation; update it");
      const read = check(served.operation.request, request.body, true);
      if (!read.ok) {
        const { field, message } = read.refusal;
        throw new RequestError("invalid", `${field} ${message}`.trim(), { field });
      }
      const body = await this.#answered(name, served.answer, request, read.value, withinMs);
      if (Buffer.byteLength(JSON.stringify(body)) > MOST_BYTES) {
        throw new RequestError("too-large", "the answer is too large for a message");
      }
      return { body: body as Record<string, unknown> };
    } catch (error) {
      return { problem: problemOf(error).problem };
    }
  }

  /** What of its time is left. @throws RequestError */
  #judge({ v, epoch, clock, ttlMs }: AgentRequest): { readonly withinMs: number } {
    const { session, clocks } = this.options;
    if (v !== AGENT_PROTOCOL) {
      const text = `the request is of protocol version ${v}, this agent speaks ${AGENT_PROTOCOL}; update the older of the two`;
      throw new RequestError("invalid", text, { field: "v" });
    }
    if (epoch !== session.epoch) {
      throw new RequestError("unavailable", "it was meant for a former session; ask again");
    }
    const ageMs = clocks.ageMs(clock, this.options.clock.monotonicMs());
    if (ageMs === undefined) {
      const text = "the clock of whoever asks has not been heard; ask again in a few seconds";
      throw new RequestError("unavailable", text);
    }
    if (ageMs > ttlMs) throw new RequestError("timed-out", "it was too old to be begun");
    return { withinMs: ttlMs - ageMs };
  }

  async #answered(
    name: string,
    answer: Answer,
    { actor, via }: AgentRequest,
    body: object,
    withinMs: number,
  ): Promise<object> {
    const { clock, stopped } = this.options;
    if (this.#running >= MOST_AT_ONCE) {
      throw new RequestError("unavailable", "the agent answers too many already; ask again");
    }
    this.#running += 1;
    try {
      const limit = milliseconds(withinMs);
      return await withDeadline(clock, limit, stopped, `What was asked (${name})`, (signal) =>
        answer({ body, actor, via, signal }),
      );
    } finally {
      this.#running -= 1;
    }
  }
}

/** @throws what is a defect */
function problemOf(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  if (error instanceof PortError) {
    const code = error.code === "timed-out" ? "timed-out" : "unavailable";
    return new RequestError(code, error.message, { cause: error });
  }
  if (isStorageError(error)) {
    const text = `the journal of the agent could not be written (${error.code}); free disk space on its host`;
    return new RequestError("storage-failed", text, { cause: error });
  }
  throw error;
}
