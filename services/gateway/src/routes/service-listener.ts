import type { ServiceName } from "@outrider/contracts/ids";
import type { ServiceListener } from "@outrider/contracts/service-plane";
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
