import type { IncomingMessage, ServerResponse } from "node:http";
import { ACTOR_PATTERN } from "@outrider/contracts/ids";
import { VIAS, type Via } from "@outrider/contracts/power";
import type { ProblemCode } from "@outrider/contracts/service-plane";
import { RequestError } from "@outrider/messaging/request-error";
import type { HttpHandler } from "@outrider/service-kit/listener";
import type { Asker } from "../locks/locks.js";
import type { SiteRecord } from "./site-record.js";
import type { SiteStore, StoredSite } from "./site-store.js";

/** A larger text is not a site file. */
const MAXIMUM_BYTES = 8 * 1024 * 1024;

const STATUS: Partial<Record<ProblemCode, number>> = {
  invalid: 400,
  "not-found": 404,
  "precondition-failed": 412,
  "too-large": 413,
  unavailable: 503,
  "storage-failed": 507,
};

export interface SiteListenerOptions {
  readonly record: SiteRecord;
  readonly store: SiteStore;
  /** Told of an error that is no RequestError. */
  readonly defect: (error: unknown) => void;
}

/**
 * The site file over the service's listener, which only the gateway reaches.
 *
 * - `GET /site`, `GET /site/<revision>`: the text, its revision as `etag` and `x-outrider-revision`
 * - `GET /sites`: the revisions that are kept, newest first, without their texts
 * - `POST /site?dryRun=yes|no&force=yes|no&ifMatch=<revision>&file=<name>`: body is the text; the answer is a
 *   SiteApplied (422 when it is refused). Who asks stands in `x-outrider-actor` and `x-outrider-via`.
 *
 * Every other answer is a Problem.
 */
export function siteListener(options: SiteListenerOptions): HttpHandler {
  return (request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      if (!(error instanceof RequestError)) {
        options.defect(error);
        json(response, 500, {
          code: "internal",
          detail: "a defect in the inventory service; its log has the details",
        });
        return;
      }
      json(response, STATUS[error.code] ?? 409, error.problem);
    });
  };
}

async function answer(
  { record, store }: SiteListenerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://listener");
  const call = `${request.method ?? ""} ${pathname}`;
  const kept = /^GET \/site\/(\d{1,15})$/.exec(call);
  if (call === "GET /site") return text(response, record.current);
  if (call === "GET /sites") return json(response, 200, { sites: await store.history() });
  if (kept) {
    const stored = await store.revision(Number(kept[1]));
    if (!stored) {
      throw new RequestError(
        "not-found",
        `revision ${kept[1]} of the site is not kept; GET /sites lists those that are`,
      );
    }
    return text(response, stored);
  }
  if (call !== "POST /site") {
    throw new RequestError(
      "not-found",
      "there is GET /site, GET /site/<revision>, GET /sites and POST /site",
    );
  }
  const asker = askerOf(request);
  const options = {
    dryRun: flag(searchParams, "dryRun"),
    force: flag(searchParams, "force"),
    ifMatch: revisionOf(searchParams.get("ifMatch")),
    file: fileName(searchParams.get("file")),
  };
  const applied = await record.apply(await bodyOf(request), asker, options);
  json(response, applied.outcome === "refused" ? 422 : 200, applied);
}

function askerOf({ headers }: IncomingMessage): Asker {
  const actor = headers["x-outrider-actor"];
  const via = headers["x-outrider-via"];
  if (typeof actor !== "string" || !ACTOR_PATTERN.test(actor)) {
    throw new RequestError(
      "invalid",
      "x-outrider-actor is missing or wrong; expected <kind>:<name>",
    );
  }
  if (!VIAS.includes(via as Via)) {
    throw new RequestError(
      "invalid",
      `x-outrider-via is missing or wrong; expected one of ${VIAS.join(", ")}`,
    );
  }
  return { actor, via: via as Via };
}

function flag(parameters: URLSearchParams, name: string): boolean {
  const given = parameters.get(name) ?? "no";
  if (given === "yes" || given === "no") return given === "yes";
  throw new RequestError("invalid", `${name} is wrong; expected yes or no`, { field: name });
}

function revisionOf(given: string | null): number | undefined {
  if (given === null) return undefined;
  if (/^\d{1,15}$/.test(given)) return Number(given);
  throw new RequestError("invalid", "ifMatch is wrong; expected the number of a revision", {
    field: "ifMatch",
  });
}

/** As it is shown in messages; nothing is opened by it. */
function fileName(given: string | null): string {
  const name = (given ?? "").replaceAll(/[\p{Cc}\p{Cf}\p{Cs}]/gu, "?").slice(0, 200);
  return name === "" ? "site.yaml" : name;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAXIMUM_BYTES)
      throw new RequestError("too-large", "a site file has at most 8 MiB");
    parts.push(part);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
  } catch (error) {
    throw new RequestError("invalid", "the site file is not UTF-8", { cause: error });
  }
}

function text(response: ServerResponse, { text: body, revision, hash }: StoredSite): void {
  response
    .writeHead(200, {
      "content-type": "application/yaml; charset=utf-8",
      etag: `"${revision}"`,
      "x-outrider-revision": String(revision),
      "x-outrider-hash": hash,
    })
    .end(body);
}

function json(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
