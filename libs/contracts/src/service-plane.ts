import { contract } from "./contract.js";
import {
  ActorText,
  AnyObject,
  CommandIdText,
  ExactlyOne,
  Id,
  Integer,
  ListOf,
  Nested,
  OneOf,
  Optional,
  Text,
  Timestamp,
} from "./decorators.js";
import { ID_PATTERN, type CommandId, type ServiceName } from "./ids.js";
import { VIAS, type Via } from "./power.js";

/**
 * Requests between services and their replies. What is asked is one of the declared {@link Operation}s; what is larger
 * than a message, or a stream, goes over the service's own listener, whose address stands in its description.
 */

/** Why a request was not done, and what whoever asked should do. Code maps these, never the sentences. */
export const PROBLEMS = {
  invalid: "The request could not be read. Mend the named field and ask again.",
  "not-found": "There is no such thing. Check the id.",
  "not-allowed": "Whoever asked may not do this.",
  conflict: "It contradicts what is there, or an id was used for something else.",
  locked: "Somebody else holds a lock. Ask the holder, wait in the queue, or break it.",
  "precondition-failed": "It has changed since it was read. Read it again, then decide.",
  "too-large": "The answer or the request is too large for a message. Ask for less, or in pages.",
  unavailable: "The service is not there or not ready. Try again in a few seconds.",
  "timed-out":
    "No answer came in time. Whether it was done is not known; look before asking again.",
  "storage-failed":
    "It could not be written, so nothing was done. Free disk space on the named host.",
  internal: "A defect in Outrider. The log of the named service has the details.",
} as const;
export type ProblemCode = keyof typeof PROBLEMS;
export const PROBLEM_CODES = Object.keys(PROBLEMS) as ProblemCode[];

/** Why a request was not done. */
export class Problem {
  @OneOf(PROBLEM_CODES) code!: ProblemCode;
  /** A sentence that says what was wrong and what to do. */
  @Text(8000) detail!: string;
  /** Path of what was wrong in the request's body. */
  @Optional() @Text(500) field?: string;
}

/** Asks a service for an operation on behalf of an actor. Who asks has been checked by the service that sends it. */
export class ServiceRequest {
  @CommandIdText() id!: CommandId;
  /** Where the reply goes: one client is one process for its life. */
  @Id() client!: string;
  @ActorText() actor!: string;
  @OneOf(VIAS) via!: Via;
  /** How long the asker waits, in milliseconds. What cannot be begun by then is not done. */
  @Integer(100, 600_000) ttlMs!: number;
  /** As the operation's request class says. */
  @AnyObject() body!: Record<string, unknown>;
}

/** The one reply to a request. */
export class ServiceReply {
  /** That of the request. */
  @CommandIdText() @ExactlyOne("body", "problem") id!: CommandId;
  /** As the operation's reply class says. */
  @Optional() @AnyObject() body?: Record<string, unknown>;
  @Optional() @Nested(() => Problem) problem?: Problem;
}

/** Where a service listens for what is no message. Only services read it. */
export class ServiceListener {
  /** `http://127.0.0.1:port` */
  @Text(200) url!: string;
  /** Bearer token of this start of the service. */
  @Text(200) token!: string;
}

/** What a service offers to other services. */
export class ServiceDescription {
  @ListOf(ID_PATTERN, 200) operations!: string[];
  @Optional() @Nested(() => ServiceListener) listener?: ServiceListener;
}

/** Something that happened in a service and that other services may tell people of. */
export class ServiceEvent {
  @Text(64) id!: string;
  @Timestamp() at!: string;
  /** `transition`, `lock`, `site`, `proposal` … */
  @Id() kind!: string;
  /** Id of what it happened to. */
  @Text(200) subject!: string;
  @AnyObject() data!: Record<string, unknown>;
}

export const serviceRequest = contract("service/{service}/request/{operation}", {
  payload: ServiceRequest,
  kind: "ask",
  writer: "services",
  audience: "private",
  qos: 1,
  retain: false,
  summary: "Asks a service for one of its operations.",
});

export const serviceReply = contract("service/{service}/reply/{client}/{id}", {
  payload: ServiceReply,
  kind: "report",
  writer: "service",
  audience: "private",
  qos: 1,
  retain: false,
  summary: "The one reply to a request.",
});

export const serviceDescription = contract("service/{service}/description", {
  payload: ServiceDescription,
  kind: "report",
  writer: "service",
  audience: "private",
  qos: 1,
  retain: true,
  summary: "The operations of a service, and where it listens for what is no message.",
});

export const serviceEvent = contract("service/{service}/event", {
  payload: ServiceEvent,
  kind: "report",
  writer: "service",
  audience: "private",
  qos: 1,
  retain: false,
  summary:
    "Something that happened in a service: the progress of a transition, a lock, a new site.",
});

/** One thing that a service can be asked for. */
export interface Operation<Request extends object, Reply extends object> {
  readonly service: ServiceName;
  readonly name: string;
  /** Checked closed. */
  readonly request: new () => Request;
  /** Checked closed when written, open when read. */
  readonly reply: new () => Reply;
  readonly summary: string;
}

export type AnyOperation = Operation<object, object>;

/** @throws TypeError when the name could not be a topic level */
export function operation<Request extends object, Reply extends object>(
  service: ServiceName,
  name: string,
  options: Omit<Operation<Request, Reply>, "service" | "name">,
): Operation<Request, Reply> {
  if (!ID_PATTERN.test(name)) throw new TypeError("an operation is named like an id");
  return { service, name, ...options };
}

/** A request that asks for nothing but the operation itself, and a reply that says nothing but that it was done. */
// oxlint-disable-next-line typescript/no-extraneous-class -- a payload is a class, also one without properties
export class Nothing {
  /** Told by hand, so that a class that has only forgotten its rules is not taken for this. */
  static readonly hasNoProperties = true;
}
