import { randomBytes } from "node:crypto";
import { systemClock, type Clock } from "@outrider/contracts/clock";
import type { CommandId } from "@outrider/contracts/ids";
import type { Via } from "@outrider/contracts/power";
import { serviceReply, serviceRequest, type Operation } from "@outrider/contracts/service-plane";
import { mintCommandId } from "./mint-id.js";
import { checkAsked, readReply, Replies } from "./replies.js";
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

/** What a request has beside its payload is small; the rest of a message is for the body. */
const MAX_BODY_BYTES = 64_000;

/**
 * Asks services for their operations. One per process: its replies come on topics of its own, which it subscribes to
 * once.
 */
export class RequestClient {
  readonly #session: Session;
  readonly #client: string;
  readonly #replies: Replies;
  readonly #subscription: Subscription;

  /** @param name first part of the client's name: that of the service that asks */
  constructor(session: Session, name: string, clock: Clock = systemClock) {
    this.#session = session;
    this.#replies = new Replies(session, clock);
    this.#client = `${name}-${randomBytes(6).toString("hex")}`;
    this.#subscription = session.subscribe(
      serviceReply,
      { client: this.#client },
      ({ payload, parameters: { id } }) => this.#replies.settle(id, payload),
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
    checkAsked(operation.request, body);
    if (Buffer.byteLength(JSON.stringify(body)) > MAX_BODY_BYTES) {
      throw new RequestError("too-large", "the request is larger than 64 kB; ask for less at once");
    }
    const id = mintCommandId();
    const who = `the ${service} service`;
    const reply = await this.#replies.exchange({
      id,
      who,
      withinMs,
      signal: options.signal,
      send: (signal) =>
        this.#send(service, name, { id, actor, via, ttlMs: withinMs, body }, signal),
    });
    return readReply(operation.reply, reply, who);
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
  }
}
