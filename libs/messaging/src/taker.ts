import { decode, type Decoded, type Refusal } from "@outrider/contracts/codec";
import type { Contract } from "@outrider/contracts/contract";
import type { IPublishPacket } from "mqtt";
import type { Counters } from "./counters.js";
import { MessagingError } from "./errors.js";
import type { Log } from "./log.js";
import { metaOf, type Meta, type Received, type Refused } from "./received.js";
import { SerialQueue } from "./serial-queue.js";
import type { Filter } from "./wire-filters.js";

// oxlint-disable-next-line typescript/no-explicit-any -- contracts of every payload live in one registry
export type Any = any;

/** Somebody who wants the messages of a filter. */
export interface Taker {
  readonly filter: Filter;
  /** Why the broker does not let us have them. */
  failure: MessagingError | undefined;
  take(message: Incoming): void;
}

export interface SubscribeOptions<T> {
  /** Is given each payload that does not fit the contract, in turn with the messages. */
  readonly refused?: (refusal: Refusal, message: Refused<T>) => void | Promise<void>;
  /** Is told when a retained document was cleared, in turn with the messages. */
  readonly cleared?: (message: Meta<T>) => void | Promise<void>;
  /** `drop`: whatever was published with the retain flag never reaches the handler. Default `deliver`. */
  readonly retained?: "deliver" | "drop";
}

export interface TakerContext {
  readonly log: Log;
  readonly counters: Counters;
  /** Whether the broker overwrites the actor that a client claims. */
  readonly trustActor: () => boolean;
  /** Where the error of a handler goes that is no MessagingError: a defect. */
  readonly crash: (error: unknown) => void;
}

/** A message from the wire. It is decoded, counted and logged once, however many take it. */
export class Incoming {
  readonly meta: Meta<Any>;
  readonly bytes: Buffer;
  readonly #contract: Contract<string, Any>;
  readonly #context: TakerContext;
  #decoded: Decoded<Any> | undefined;
  #dropped = false;

  constructor(
    contract: Contract<string, Any>,
    packet: IPublishPacket,
    from: { topic: string; parameters: Filter; bytes: Buffer; receivedMs: number },
    context: TakerContext,
  ) {
    const { topic, parameters, bytes, receivedMs } = from;
    this.meta = metaOf(packet, topic, parameters, receivedMs, context.trustActor());
    this.bytes = bytes;
    this.#contract = contract;
    this.#context = context;
  }

  get empty(): boolean {
    return this.bytes.length === 0;
  }

  read(): Decoded<Any> {
    if (this.#decoded) return this.#decoded;
    const decoded = decode(this.#contract, this.bytes);
    this.#decoded = decoded;
    if (!decoded.ok) {
      const { field, message } = decoded.refusal;
      const { topic, actor } = this.meta;
      this.#context.counters.refused++;
      this.#context.log.warn({ topic, actor, field, problem: message }, "a payload was refused");
    }
    return decoded;
  }

  /** Somebody did not take it because it was published with the retain flag. */
  dropped(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    const { topic, actor } = this.meta;
    this.#context.counters.retainedDropped++;
    this.#context.log.warn({ topic, actor }, "a message with the retain flag was dropped");
  }
}

/** Takes payloads unread and at once, the empty one of a cleared document too. */
export class RawTaker implements Taker {
  readonly filter: Filter;
  readonly take: (message: Incoming) => void;
  failure: MessagingError | undefined;

  constructor(filter: Filter, take: (message: Incoming) => void) {
    this.filter = filter;
    this.take = take;
  }
}

/** Hands messages to a handler, one after another. */
export class HandlerTaker implements Taker {
  readonly filter: Filter;
  failure: MessagingError | undefined;
  disposed = false;
  readonly #handler: (message: Received<Any, Any>) => void | Promise<void>;
  readonly #options: SubscribeOptions<Any>;
  readonly #queue: SerialQueue;

  constructor(
    filter: Filter,
    handler: (message: Received<Any, Any>) => void | Promise<void>,
    options: SubscribeOptions<Any>,
    context: TakerContext,
  ) {
    this.filter = filter;
    this.#handler = handler;
    this.#options = options;
    this.#queue = new SerialQueue((error) => this.#failed(error, context));
  }

  take(message: Incoming): void {
    const { meta } = message;
    if (message.empty) {
      // A document that was cleared, or an empty ask, which means nothing.
      const { cleared } = this.#options;
      if (cleared && meta.retain) this.#run(() => cleared(meta));
      return;
    }
    if (meta.wasRetained && this.#options.retained === "drop") return message.dropped();
    const decoded = message.read();
    if (decoded.ok) {
      const received = { ...meta, payload: decoded.value };
      return this.#run(() => this.#handler(received));
    }
    const { refused } = this.#options;
    const { refusal } = decoded;
    if (refused) this.#run(() => refused(refusal, { ...meta, refusal, bytes: message.bytes }));
  }

  /** Lets whoever is subscribing get hold of the subscription before the first message. */
  yield(): void {
    this.#queue.push(() => Promise.resolve());
  }

  dispose(): void {
    this.disposed = true;
    this.#queue.clear();
  }

  #run(task: () => void | Promise<void>): void {
    this.#queue.push(() => (this.disposed ? undefined : task()));
  }

  #failed(error: unknown, { log, crash }: TakerContext): void {
    if (this.disposed && error instanceof Error && error.name === "AbortError") return;
    if (!(error instanceof MessagingError)) return crash(error);
    log.warn({ code: error.code, problem: error.message }, "a message was not handled to its end");
  }
}
