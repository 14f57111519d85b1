import type { FastifyReply, FastifyRequest } from "fastify";
import { RequestError } from "@outrider/messaging/request-error";
import { StorageError } from "@outrider/storage/storage-error";
import type { GatewayParts } from "../parts.js";
import { actorNameOf, type Admitted } from "../people/people.js";
import { admit, authorize, checkForgery, viaOf } from "./admission.js";
import { send, sendStream, wireOf, type Wire } from "./answer.js";
import { MAX_STRANGER_BYTES, mediaType, parseJson, parseText, readBytes } from "./body.js";
import { entityTag, names } from "./etag.js";
import { once } from "./idempotency.js";
import { checkOrigin, type Hosts } from "./origin.js";
import { HttpProblem, malformed } from "./problem.js";
import { Nothing } from "@outrider/contracts/service-plane";
import { type AnyRoute, type Answer, type Call } from "./route.js";
import { readBody, readParameters } from "./shape.js";

/** Of the disk or the database, not of ours. */
const STORAGE_FAILURES: ReadonlySet<string> = new Set([
  "full",
  "io",
  "busy",
  "unreachable",
  "unknown",
  "closed",
]);

/** From the request to the answer of one route: origin, who, may they, shape, and only then what it does. */
export function exchange(
  route: AnyRoute,
  hosts: Hosts,
  parts: GatewayParts,
): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  const changes = route.method !== "GET";
  return async (request, reply) => {
    const { headers } = request;
    checkOrigin(headers, hosts, { navigation: false });
    const found = await admit(headers, request.ip, parts.people);
    if (changes) checkForgery(found, headers);
    const { node } = request.params as { readonly node?: string };
    const admitted = authorize(found, route.right, node, parts.people);
    const params = readParameters(route.params, request.params as object);
    const query = readParameters(route.query, request.query as object);
    const { bytes, body, text } = await readWanted(route, request, found !== undefined);
    const gone = new AbortController();
    reply.raw.once("close", () => gone.abort());
    const call = callOf({ request, admitted, params, query, body, text, gone: gone.signal });
    if (route.streams) {
      const answer = await route.handle(call as never, parts);
      const status = answer.status ?? 200;
      parts.counted(route.id, status);
      if (answer.stream) return sendStream(request, reply, status, answer);
      return send(reply, wireOfAnswer(route, answer, undefined));
    }
    const run = async (): Promise<Wire> =>
      wireOfAnswer(route, await route.handle(call as never, parts), headers["if-none-match"]);
    const wire =
      changes && route.headers.includes("idempotency-key")
        ? await once(parts, call, route, bytes, run)
        : await run();
    parts.counted(route.id, wire.status);
    send(reply, wire);
  };
}

/** The answer to a request that was not done. @returns undefined when the error is a defect */
export function wireOfError(error: unknown): Wire | undefined {
  if (error instanceof HttpProblem) return wireOf(error);
  if (error instanceof RequestError) {
    const { code, message, field } = error;
    return wireOf(new HttpProblem(code, message, { field }));
  }
  if (error instanceof StorageError && STORAGE_FAILURES.has(error.code)) {
    const detail = `the gateway could not write (${error.code}), so nothing was done: ${error.message}`;
    return wireOf(new HttpProblem("storage-failed", detail));
  }
  return undefined;
}

async function readWanted(
  route: AnyRoute,
  { raw, headers }: FastifyRequest,
  isKnown: boolean,
): Promise<{ readonly bytes: Buffer; readonly body: object; readonly text: string }> {
  const nothing = { bytes: Buffer.alloc(0), body: {}, text: "" };
  if (route.method === "GET") return nothing;
  const json = (route.body as unknown) !== Nothing;
  const maxBytes = isKnown ? route.maxBytes : Math.min(route.maxBytes, MAX_STRANGER_BYTES);
  const bytes = await readBytes(raw, maxBytes);
  if (bytes.byteLength === 0 && (route.bodyOptional || (!json && route.takes === undefined))) {
    return json ? { ...nothing, body: readBody(route.body, {}) } : nothing;
  }
  if (!json && route.takes === undefined) throw malformed("this takes no body");
  const wanted = route.takes ?? "application/json";
  const type = mediaType(headers["content-type"]);
  if (type !== wanted) {
    throw new HttpProblem("unsupported-media-type", `the body must be ${wanted}`);
  }
  if (!json) return { bytes, body: {}, text: parseText(bytes) };
  return { bytes, body: readBody(route.body, parseJson(bytes)), text: "" };
}

function callOf(given: {
  readonly request: FastifyRequest;
  readonly admitted: Admitted;
  readonly params: object;
  readonly query: object;
  readonly body: object;
  readonly text: string;
  readonly gone: AbortSignal;
}): Call<object, object, object> {
  const { request, admitted, params, query, body, text, gone } = given;
  const { subject } = admitted;
  return {
    subject,
    admitted,
    actor: actorNameOf(subject),
    via: viaOf(request.headers),
    params,
    query,
    body,
    text,
    address: request.ip,
    secure: "encrypted" in request.raw.socket,
    header: (name) => {
      const value = request.headers[name];
      return typeof value === "string" ? value : undefined;
    },
    signal: gone,
  };
}

function wireOfAnswer(route: AnyRoute, answer: Answer, ifNoneMatch: string | undefined): Wire {
  const [usual] = Object.keys(route.statuses);
  const status = answer.status ?? Number(usual ?? 200);
  const headers: Record<string, string> = { ...answer.headers };
  if (answer.etag !== undefined) {
    headers["etag"] = entityTag(answer.etag);
    headers["cache-control"] = "private, no-cache";
    if (route.method === "GET" && ifNoneMatch !== undefined && names(ifNoneMatch, answer.etag))
      return { status: 304, headers };
  }
  if (answer.text) {
    return {
      status,
      headers: { ...headers, "content-type": answer.text.type },
      body: answer.text.value,
    };
  }
  if (answer.body === undefined) return { status, headers };
  return {
    status,
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify(answer.body),
  };
}
