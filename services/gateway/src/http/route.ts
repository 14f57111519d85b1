import type { Readable } from "node:stream";
import type { Right } from "@outrider/contracts/identity";
import type { Via } from "@outrider/contracts/power";
import { Nothing } from "@outrider/contracts/service-plane";
import type { GatewayParts } from "../parts.js";
import type { Subject } from "@outrider/identity/subject";
import type { Admitted } from "../people/people.js";

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** `public`: nobody need be signed in. `signed-in`: any subject. Else the right that {@link may} asks for. */
export type Access = "public" | "signed-in" | Right;

type Class<T extends object> = new () => T;

/** A request that was let in and whose shape is right. */
export interface Call<P = Nothing, Q = Nothing, B = Nothing> {
  readonly subject: Subject;
  /** How the subject showed who it is. */
  readonly admitted: Admitted;
  /** As it stands in commands and audit logs: `person:anna`. */
  readonly actor: string;
  readonly via: Via;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** The body of a route that takes text. */
  readonly text: string;
  readonly address: string;
  readonly secure: boolean;
  header(name: string): string | undefined;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

/** What is sent back. */
export interface Answer<R = object> {
  /** Default: the route's first status. */
  readonly status?: number;
  readonly body?: R;
  /** In the place of a body: a text and its media type. */
  readonly text?: { readonly type: string; readonly value: string };
  /** In the place of a body: what is handed through as it comes, and destroyed when the client has gone. */
  readonly stream?: { readonly type: string; readonly value: Readable };
  /** What the body's entity tag is made of. A matching If-Nothing-Match is answered with 304. */
  readonly etag?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One thing that the API can do: what checks it, what documents it, and what does it. */
export interface Route<
  P extends object = object,
  Q extends object = object,
  B extends object = object,
  R extends object = object,
> {
  readonly method: Method;
  /** Below `/api/v1`, with `{name}` for parameters. */
  readonly path: string;
  /** Name of the operation in the API's description. */
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly right: Access;
  readonly params: Class<P>;
  readonly query: Class<Q>;
  readonly body: Class<B>;
  /** Whether the body may be left out. */
  readonly bodyOptional: boolean;
  /** The body is text of this type, and {@link Call.text} has it. */
  readonly takes: string | undefined;
  readonly reply: Class<R>;
  /** The reply is of this type, or of one of these; also JSON where there is a {@link reply}. */
  readonly gives: string | readonly string[] | undefined;
  /** The reply may go on without end. */
  readonly streams: boolean;
  /** Successful statuses and what they mean; the first one is the usual one. */
  readonly statuses: Readonly<Record<number, string>>;
  /** Problems that this route in particular may answer with, beside those of all. */
  readonly problems: readonly number[];
  /** Request headers that the route understands. */
  readonly headers: readonly HeaderName[];
  /** Largest body, in bytes. */
  readonly maxBytes: number;
  readonly handle: (call: Call<P, Q, B>, parts: GatewayParts) => Promise<Answer<R>> | Answer<R>;
}

export type HeaderName = "idempotency-key" | "prefer" | "if-match" | "if-none-match";

/** A route of any types, as the table holds it. */
export type AnyRoute = Omit<Route, "handle"> & {
  readonly handle: (
    call: Call<never, never, never>,
    parts: GatewayParts,
  ) => Promise<Answer> | Answer;
};

type Given<P extends object, Q extends object, B extends object, R extends object> = Pick<
  Route<P, Q, B, R>,
  "method" | "path" | "id" | "tag" | "summary" | "right" | "statuses" | "handle"
> &
  Partial<Omit<Route<P, Q, B, R>, "handle">>;

/** Largest body of a request by somebody who is signed in, in bytes. */
export const MAX_BODY_BYTES = 1_048_576;

/** Declares a route. Left out: no parameters, no query, no body, no reply. */
export function route<
  P extends object = Nothing,
  Q extends object = Nothing,
  B extends object = Nothing,
  R extends object = Nothing,
>(given: Given<P, Q, B, R>): AnyRoute {
  const none: Class<object> = Nothing;
  return {
    params: none,
    query: none,
    body: none,
    bodyOptional: false,
    takes: undefined,
    reply: none,
    gives: undefined,
    streams: false,
    problems: [],
    headers: [],
    maxBytes: MAX_BODY_BYTES,
    ...given,
  };
}
