import { randomBytes } from "node:crypto";
import { milliseconds, systemClock, type Clock } from "@outrider/contracts/clock";
import { check } from "@outrider/contracts/codec";
import type { CommandId } from "@outrider/contracts/ids";
import type { Via } from "@outrider/contracts/power";
import {
  serviceReply,
  serviceRequest,
  type Operation,
  type ServiceReply,
} from "@outrider/contracts/service-plane";
import { MessagingError } from "./errors.js";
import { mintCommandId } from "./mint-id.js";
import { RequestError } from "./request-error.js";
import type { Session, Subscription } from "./session.js";

export interface RequestOptions {
  /** On whose behalf: who asks has been checked by the caller. */
  readonly actor: string;
  readonly via: Via;
  /** How long to wait for the reply, in milliseconds. Default 10 s. */
  readonly withinMs?: number;
  readonly signal?: AbortSignal;
}

interface Waiting {
  readonly settle: (reply: ServiceReply) => void;
}

/** What a request has beside its payload is small; the rest of a message is for the body. */
const MAX_BODY_BYTES = 64_000;

/**
 * Asks services for their operations. One per process: its replies come on topics of its own, which it subscribes to
 * once.
 */
export class RequestClient {
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #client: string;
  readonly #waiting = new Map<string, Waiting>();
  readonly #subscription: Subscription;

  /** @param name first part of the client's name: that of the service that asks */
  constructor(session: Session, name: string, clock: Clock = systemClock) {
    this.#session = session;
    this.#clock = clock;
    this.#client = `${name}-${randomBytes(6).toString("hex")}`;
    this.#subscription = session.subscribe(
      serviceReply,
      { client: this.#client },
      ({ payload, parameters: { id } }) => this.#waiting.get(id)?.settle(payload),
    );
  }

  /**
   * Asks once. A request is never queued for a service that is away, and not repeated: operations that must not happen
   * twice take an id in their body.
   * @throws RequestError as the service says; `unavailable` when it was not asked; `timed-out` when it was and did not
   *   answer; the signal's reason when it is aborted
   */
  async ask<Request extends object, Reply extends object>(
    operation: Operation<Request, Reply>,
    body: NoInfer<Request>,
    options: RequestOptions,
  ): Promise<Reply> {
    const { service, name } = operation;
    const { actor, via, withinMs = 10_000 } = options;
    const asked = check(operation.request, body, true);
    if (!asked.ok) throw invalid(asked.refusal);
    if (Buffer.byteLength(JSON.stringify(body)) > MAX_BODY_BYTES) {
      throw new RequestError("too-large", "the request is larger than 64 kB; ask for less at once");
    }
    const id = mintCommandId();
    const ended = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, ended.signal]) : ended.signal;
    signal.throwIfAborted();
    const replied = Promise.withResolvers<ServiceReply>();
    this.#waiting.set(id, { settle: replied.resolve });
    const lost = this.#session.onDisconnect(() =>
      replied.reject(
        new RequestError(
          "timed-out",
          `the broker went away before ${service} answered; look, then ask again`,
        ),
      ),
    );
    const late = this.#clock.sleep(milliseconds(withinMs), signal).then(() => {
      throw new RequestError(
        "timed-out",
        `the ${service} service did not answer within ${withinMs} ms; check that it runs, and look before asking again`,
      );
    });
    try {
      const sent = this.#send(service, name, { id, actor, via, ttlMs: withinMs, body }, signal);
      sent.catch(() => undefined);
      await Promise.race([sent, late]);
      const reply = await Promise.race([replied.promise, late]);
      return readReply(operation, reply);
    } finally {
      this.#waiting.delete(id);
      lost();
      ended.abort();
      await late.catch(() => undefined);
      replied.promise.catch(() => undefined);
    }
  }

  /** Resolves when there is a connection, and replies can arrive on it. @throws the signal's reason */
  async ready(signal: AbortSignal): Promise<void> {
    await this.#session.ready(signal);
    await this.#subscription.acknowledged(signal);
  }

  async #send(
    service: string,
    operation: string,
    request: { id: CommandId; actor: string; via: Via; ttlMs: number; body: object },
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.ready(signal);
      await this.#session.publish(
        serviceRequest,
        { service, operation },
        {
          ...request,
          client: this.#client,
          body: request.body as Record<string, unknown>,
        },
      );
    } catch (error) {
      if (!(error instanceof MessagingError)) throw error;
      throw new RequestError(
        "unavailable",
        `the ${service} service could not be asked: ${error.message}`,
        { cause: error },
      );
    }
  }
}

function readReply<Reply extends object>(
  { service, reply }: Operation<object, Reply>,
  { body, problem }: ServiceReply,
): Reply {
  if (problem) {
    const { code, detail, field } = problem;
    throw new RequestError(code, detail, field === undefined ? {} : { field });
  }
  const read = check(reply, body, false);
  if (read.ok) return read.value;
  const { field, message } = read.refusal;
  throw new RequestError(
    "internal",
    `the ${service} service gave an answer that cannot be read (${field} ${message}); update the older of the two`,
  );
}

function invalid({ field, message }: { field: string; message: string }): RequestError {
  return new RequestError("invalid", field === "" ? message : `${field} ${message}`, { field });
}
