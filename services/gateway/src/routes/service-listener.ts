import type { ServiceName } from "@outrider/contracts/ids";
import {
  PROBLEM_CODES,
  type ProblemCode,
  type ServiceListener,
} from "@outrider/contracts/service-plane";
import { HttpProblem } from "../http/problem.js";
import type { GatewayParts } from "../parts.js";

export interface ListenerRequest {
  readonly method?: "GET" | "POST";
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface ListenerReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const WITHIN_MS = 60_000;

/**
 * Where a service listens.
 * @throws HttpProblem 404 when there is no such service in the site, 503 when it is not there now
 */
export function listenerOf(mirror: GatewayParts["mirror"], service: ServiceName): ServiceListener {
  const known = mirror.service(service);
  if (!known) {
    throw new HttpProblem("not-found", `no ${service} service has ever been heard in this site`);
  }
  const listener = known.description?.listener;
  const state = known.status?.state;
  if (listener && (state === "ready" || state === "degraded")) return listener;
  throw new HttpProblem(
    "unavailable",
    `the ${service} service is not there; check that it runs, then ask again`,
  );
}

/**
 * Asks a service's own listener: what is too large for a message.
 * @throws HttpProblem 503 when the service is not there, 504 when it does not answer
 */
export async function askListener(
  { mirror }: Pick<GatewayParts, "mirror">,
  service: ServiceName,
  { method = "GET", path, headers = {}, body, signal }: ListenerRequest,
): Promise<ListenerReply> {
  const listener = listenerOf(mirror, service);
  const late = AbortSignal.timeout(WITHIN_MS);
  try {
    const reply = await fetch(listener.url + path, {
      method,
      headers: { ...headers, authorization: `Bearer ${listener.token}` },
      ...(body === undefined ? {} : { body }),
      redirect: "error",
      signal: AbortSignal.any([signal, late]),
    });
    return { status: reply.status, headers: reply.headers, text: await reply.text() };
  } catch (error) {
    signal.throwIfAborted();
    throw late.aborted
      ? new HttpProblem(
          "timed-out",
          `the ${service} service did not answer in time; look before asking again`,
        )
      : new HttpProblem(
          "unavailable",
          `the ${service} service could not be reached; ask again in a few seconds`,
          { cause: error },
        );
  }
}

/**
 * Asks a service's own listener for a document.
 * @returns its text
 * @throws HttpProblem as the service says; 503 when it is not there, 504 when it does not answer
 */
export async function askDocument(
  parts: Pick<GatewayParts, "mirror">,
  service: ServiceName,
  request: ListenerRequest,
): Promise<string> {
  const { status, text } = await askListener(parts, service, request);
  if (status === 200) return text;
  throw saidBy(service, status, text);
}

/** What a service said instead of what was asked for. */
export function saidBy(
  service: ServiceName,
  status: number | undefined,
  text: string,
): HttpProblem {
  const { code, detail, field } = objectOf(text);
  if (PROBLEM_CODES.includes(code as ProblemCode) && typeof detail === "string") {
    return new HttpProblem(code as ProblemCode, detail, typeof field === "string" ? { field } : {});
  }
  if (status === 404) {
    return new HttpProblem("not-found", `the ${service} service has no such thing`);
  }
  return new HttpProblem(
    "unavailable",
    `the ${service} service answered with ${status ?? "nothing"}; its log says why`,
  );
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const read = JSON.parse(text) as unknown;
    return typeof read === "object" && read !== null ? (read as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
