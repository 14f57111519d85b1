import type { FastifyReply } from "fastify";
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
