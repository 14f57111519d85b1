import { pipeline } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Answer } from "./route.js";
import { HttpProblem } from "./problem.js";

/** On every answer: nothing of it is framed, sniffed, cached by others or run but our own files. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), geolocation=()",
  "cache-control": "no-store",
  vary: "authorization, cookie",
};

export const PROBLEM_TYPE = "application/problem+json";

/** What goes over the wire. */
export interface Wire {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

export function wireOf(problem: HttpProblem): Wire {
  return {
    status: problem.status,
    headers: {
      ...problem.headers,
      ...(problem.status === 401 ? { "www-authenticate": 'Bearer realm="outrider"' } : {}),
      "content-type": PROBLEM_TYPE,
    },
    body: JSON.stringify(problem.body),
  };
}

export function send(reply: FastifyReply, { status, headers, body }: Wire): void {
  // As bytes: Fastify would add a charset to the type of a text, which RFC 9457 does not know.
  const bytes = body === undefined ? undefined : Buffer.from(body);
  void reply.code(status).headers(SECURITY_HEADERS).headers(headers).send(bytes);
}

/**
 * Hands a stream through, no faster than the client takes it. One that breaks off cuts the connection, so that nobody
 * takes a part for the whole.
 */
export function sendStream(
  { method }: FastifyRequest,
  reply: FastifyReply,
  status: number,
  { stream, headers }: Pick<Answer, "stream" | "headers">,
): void {
  if (!stream) return;
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(status, {
    ...SECURITY_HEADERS,
    ...headers,
    "content-type": stream.type,
    "x-accel-buffering": "no",
  });
  if (method === "HEAD") {
    stream.value.destroy();
    return void raw.end();
  }
  raw.flushHeaders();
  // A client that has gone without a word is found by the kernel.
  raw.socket?.setKeepAlive(true, 30_000);
  // Either side may go at any time; the other is then destroyed, and there is nobody left to tell.
  pipeline(stream.value, raw, () => undefined);
}
