import { REASONS, type ReasonCode } from "@outrider/contracts/reasons";
import { PROBLEMS, type ProblemCode } from "@outrider/contracts/service-plane";

/** What only the gateway has to say no to. */
export const DOOR_PROBLEMS = {
  "not-signed-in": "Nobody is signed in. Sign in, or send a token: `Authorization: Bearer …`.",
  "sign-in-failed":
    "Name or password is wrong, or the account is disabled. Check them; wait a little.",
  "password-expired": "The password must be changed first: PUT /api/v1/session/password.",
  "foreign-origin": "The request came from a page of another origin. Open Outrider’s own page.",
  "unknown-host":
    "The Host header names a host that this gateway does not know itself by. Use one of its addresses, or add the name to OUTRIDER_HTTP_HOSTS.",
  "method-not-allowed": "The resource does not do this. The Allow header names what it does.",
  "unsupported-media-type": "The body must be of the type that the sentence names.",
  "bad-ticket": "The ticket is unknown, used or too old. Get a new one with POST /api/v1/tickets.",
  "key-reused":
    "The idempotency key was used for another request. Use a new key for a new request.",
  "key-busy": "A request with this idempotency key is under way. Ask again in a few seconds.",
  "too-many": "Too many of these at once. Wait as long as Retry-After says.",
} as const;
export type DoorProblem = keyof typeof DOOR_PROBLEMS;

/** Everything that can stand in the `code` of a problem, and what to do about it. */
export type AnyProblemCode = ProblemCode | ReasonCode | DoorProblem;
export const ALL_PROBLEMS: Readonly<Record<AnyProblemCode, string>> = {
  ...REASONS,
  ...PROBLEMS,
  ...DOOR_PROBLEMS,
};

const STATUS: Readonly<Record<AnyProblemCode, number>> = {
  // Of the gateway itself.
  "not-signed-in": 401,
  "sign-in-failed": 401,
  "password-expired": 403,
  "foreign-origin": 403,
  "unknown-host": 421,
  "method-not-allowed": 405,
  "unsupported-media-type": 415,
  "bad-ticket": 401,
  "key-reused": 422,
  "key-busy": 409,
  "too-many": 429,
  // Of services. What has the right shape and no meaning is 422; 400 is what has not even the shape.
  invalid: 422,
  "not-found": 404,
  "not-allowed": 403,
  conflict: 409,
  locked: 423,
  "precondition-failed": 412,
  "too-large": 413,
  unavailable: 503,
  "timed-out": 504,
  "storage-failed": 507,
  internal: 500,
  // Of commands.
  "unknown-node": 404,
  "unsupported-action": 422,
  retained: 422,
  busy: 409,
  "agent-away": 503,
  "endpoint-failed": 503,
  "no-start-slot": 503,
  interlocked: 409,
  "drain-failed": 409,
  aborted: 409,
  expired: 504,
  "stale-epoch": 503,
  "clock-unknown": 503,
  fenced: 412,
  "expectation-failed": 412,
  "unknown-endpoint": 503,
  "needs-cycle": 409,
  "supply-off": 409,
  "host-halted": 409,
  "fault-latched": 409,
  refused: 502,
  unreachable: 502,
  "not-verified": 502,
  "not-obeyed": 504,
  interrupted: 502,
  superseded: 409,
  "agent-lost": 504,
  "never-started": 503,
};

export function statusOf(code: AnyProblemCode): number {
  // A service may be newer than the gateway and know a code that it does not.
  return (STATUS as Readonly<Record<string, number>>)[code] ?? 500;
}

export interface HttpProblemOptions extends ErrorOptions {
  readonly status?: number;
  readonly field?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the problem: what the client may want beside the sentence. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** A request that was not done, as it is told over HTTP (RFC 9457). */
export class HttpProblem extends Error {
  override readonly name = "HttpProblem";
  readonly status: number;
  readonly field: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly more: Readonly<Record<string, unknown>>;

  constructor(
    readonly code: AnyProblemCode,
    detail: string,
    options: HttpProblemOptions = {},
  ) {
    super(detail, options);
    this.status = options.status ?? statusOf(code);
    this.field = options.field === "" ? undefined : options.field;
    this.headers = {
      ...(this.status === 503 || this.status === 429 ? { "retry-after": "2" } : {}),
      ...options.headers,
    };
    this.more = options.more ?? {};
  }

  /** The body of the answer. */
  get body(): Readonly<Record<string, unknown>> {
    return {
      type: `/api/v1/problems/${this.code}`,
      title: TITLES[this.status] ?? "Error",
      status: this.status,
      detail: this.message,
      code: this.code,
      ...(this.field === undefined ? {} : { field: this.field }),
      ...this.more,
    };
  }
}

/** What broke the shape that the API says. */
export function malformed(message: string, field?: string): HttpProblem {
  const detail = field === undefined || field === "" ? message : `${field} ${message}`;
  return new HttpProblem("invalid", detail, { status: 400, field });
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  412: "Precondition Failed",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  423: "Locked",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  507: "Insufficient Storage",
};
