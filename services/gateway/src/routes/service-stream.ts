import { request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import type { ServiceName } from "@outrider/contracts/ids";
import type { ServiceListener } from "@outrider/contracts/service-plane";
import { HttpProblem } from "../http/problem.js";
import type { GatewayParts } from "../parts.js";
import { listenerOf, saidBy } from "./service-listener.js";

export interface StreamRequest {
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent with POST; missing: a GET. */
  readonly body?: string;
  /** How long the service may take to begin. Default 30 s. */
  readonly beginMs?: number | undefined;
  /** Ends it, also while it streams. */
  readonly signal: AbortSignal;
}

/** How long a service may take to begin. What follows has no end that anybody knows. */
const BEGIN_MS = 30_000;
/** Of an answer that is no success. */
const MAX_PROBLEM_BYTES = 65_536;

/**
 * Asks a service's own listener for what is handed through as it comes: read it no faster than whoever wants it takes it.
 * @throws HttpProblem as the service says; 503 when it is not there, 504 when it does not begin
 */
export async function streamListener(
  { mirror }: Pick<GatewayParts, "mirror">,
  service: ServiceName,
  { path, headers = {}, body, signal, beginMs = BEGIN_MS }: StreamRequest,
): Promise<IncomingMessage> {
  const listener = listenerOf(mirror, service);
  const asked = callListener(listener, path, headers, body === undefined ? "GET" : "POST");
  const abort = (): void => void asked.destroy(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    const answered = answerOf(asked, service, signal, beginMs);
    asked.end(body);
    const response = await answered;
    if (response.statusCode === 200) {
      response.once("close", () => signal.removeEventListener("abort", abort));
      return response;
    }
    throw await problemOf(response, service);
  } catch (error) {
    signal.removeEventListener("abort", abort);
    asked.destroy();
    throw error;
  }
}

/** Begins a request to a listener, on a connection of its own. */
export function callListener(
  { url, token }: ServiceListener,
  path: string,
  headers: Readonly<Record<string, string>>,
  method: "GET" | "POST" = "GET",
): ClientRequest {
  const asked = httpRequest(url + path, {
    agent: false,
    method,
    headers: { ...headers, authorization: `Bearer ${token}` },
  });
  asked.setNoDelay(true);
  return asked;
}

/** The head of the answer. @throws HttpProblem 503, 504; the signal's reason */
function answerOf(
  asked: ClientRequest,
  service: ServiceName,
  signal: AbortSignal,
  beginMs: number,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const late = AbortSignal.timeout(beginMs);
  const tooLate = (): void => {
    reject(slow(service));
    asked.destroy();
  };
  late.addEventListener("abort", tooLate);
  asked.once("response", resolve);
  asked.on("error", (error) =>
    reject(signal.aborted ? (signal.reason as Error) : away(service, error)),
  );
  return promise.finally(() => late.removeEventListener("abort", tooLate));
}

export function slow(service: ServiceName): HttpProblem {
  return new HttpProblem(
    "timed-out",
    `the ${service} service did not answer in time; ask again in a few seconds`,
  );
}

export function away(service: ServiceName, cause: unknown): HttpProblem {
  return new HttpProblem(
    "unavailable",
    `the ${service} service could not be reached; ask again in a few seconds`,
    { cause },
  );
}

/** What a service said instead of what was asked for. */
export async function problemOf(
  response: IncomingMessage,
  service: ServiceName,
): Promise<HttpProblem> {
  return saidBy(service, response.statusCode, await shortText(response));
}

async function shortText(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > MAX_PROBLEM_BYTES) break;
      parts.push(part);
    }
  } catch {
    // What came before it broke off is all that there is.
  }
  return Buffer.concat(parts).toString();
}
