import type { Clock } from "@outrider/contracts/clock";
import { check } from "@outrider/contracts/codec";
import {
  serviceReply,
  serviceRequest,
  type AnyOperation,
  type ServiceReply,
  type ServiceRequest,
} from "@outrider/contracts/service-plane";
import type { ServiceName } from "@outrider/contracts/ids";
import { MessagingError } from "@outrider/messaging/errors";
import type { Log } from "@outrider/messaging/log";
import { RequestError } from "@outrider/messaging/request-error";
import type { Received, Session } from "@outrider/messaging/session";
import type { Asked } from "./on-request.js";

/** Larger ones cannot be sent. */
const MAX_REPLY_BYTES = 65_000;

/** A reply but for the id of its request. */
type Answered = Omit<ServiceReply, "id">;

export type Answer = (asked: Asked<object>) => Promise<object> | object;

interface Served {
  readonly operation: AnyOperation;
  readonly answer: Answer;
}

/** Answers the requests for a service's operations. */
export class RequestServer {
  readonly #served = new Map<string, Served>();

  constructor(
    private readonly parts: {
      readonly service: ServiceName;
      readonly session: Session;
      readonly clock: Clock;
      readonly log: Log;
      /** Told of an error that is no RequestError. */
      readonly defect: (error: unknown) => void;
      /** Told of each request that was answered: the operation, or `unknown`, and `ok` or the problem's code. */
      readonly answered?: (operation: string, outcome: string) => void;
    },
  ) {}

  get operations(): string[] {
    return [...this.#served.keys()].toSorted();
  }

  /** @throws TypeError when the operation is another service's, or served twice */
  serve(operation: AnyOperation, answer: Answer): void {
    if (operation.service !== this.parts.service || this.#served.has(operation.name)) {
      throw new TypeError(`${operation.service}/${operation.name} cannot be served here`);
    }
    this.#served.set(operation.name, { operation, answer });
  }

  /** Takes requests from now on. */
  start(): void {
    const { session, service } = this.parts;
    session.subscribe(
      serviceRequest,
      { service },
      // Not awaited: one slow answer keeps nobody waiting.
      (message) => void this.#take(message),
      { retained: "drop" },
    );
  }

  async #take(
    message: Received<ServiceRequest, { readonly service: string; readonly operation: string }>,
  ): Promise<void> {
    const { payload, parameters, receivedMs } = message;
    const { session, service, log, clock, defect } = this.parts;
    const { client, id } = payload;
    try {
      const waitedMs = clock.monotonicMs() - receivedMs;
      const reply =
        waitedMs > payload.ttlMs
          ? problem(new RequestError("timed-out", "the request was too old to be begun"))
          : await this.#reply(parameters.operation, payload);
      const known = this.#served.has(parameters.operation);
      this.parts.answered?.(known ? parameters.operation : "unknown", reply.problem?.code ?? "ok");
      await session.publish(serviceReply, { service, client, id }, { id, ...reply });
    } catch (error) {
      if (!(error instanceof MessagingError)) return defect(error);
      log.debug({ operation: parameters.operation, code: error.code }, "a reply was not sent");
    }
  }

  async #reply(name: string, { body, actor, via }: ServiceRequest): Promise<Answered> {
    const served = this.#served.get(name);
    const { service, log } = this.parts;
    if (!served) {
      return problem(new RequestError("not-found", `the ${service} service has no such operation`));
    }
    const read = check(served.operation.request, body, true);
    if (!read.ok) {
      const { field, message } = read.refusal;
      const detail = field === "" ? message : `${field} ${message}`;
      return problem(new RequestError("invalid", detail, { field }));
    }
    try {
      const reply = await served.answer({ body: read.value, actor, via });
      const written = check(served.operation.reply, reply, true);
      if (!written.ok) {
        const { field, message } = written.refusal;
        throw new TypeError(
          `the reply of ${service}/${name} breaks its contract: ${field} ${message}`,
        );
      }
      if (Buffer.byteLength(JSON.stringify(reply)) > MAX_REPLY_BYTES) {
        return problem(
          new RequestError("too-large", "the answer is too large; ask for less at once"),
        );
      }
      return { body: reply as Record<string, unknown> };
    } catch (error) {
      if (error instanceof RequestError) return problem(error);
      log.error({ operation: name, err: error }, "a request met a defect");
      this.parts.defect(error);
      return problem(
        new RequestError("internal", `a defect in the ${service} service; its log has the details`),
      );
    }
  }
}

function problem(error: RequestError): Answered {
  return { problem: error.problem };
}
