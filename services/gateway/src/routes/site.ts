import { IsBoolean } from "class-validator";
import { check } from "@outrider/contracts/codec";
import { Integer, NestedList, Optional, Text } from "@outrider/contracts/decorators";
import { getSite, SiteApplied, SiteInForce } from "@outrider/contracts/inventory";
import { Problem } from "@outrider/contracts/service-plane";
import { soleTag } from "../http/etag.js";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import { asking } from "./asking.js";
import { askListener, type ListenerReply } from "./service-listener.js";

const MAX_SITE_BYTES = 8_388_608;

export class SiteQuery {
  /** An earlier revision. Default: the one in force. */
  @Optional() @Integer(1) revision?: number;
}

export class ApplyQuery {
  /** Says what would change, and changes nothing. */
  @Optional() @IsBoolean() dryRun?: boolean;
  /** What the file is called, for the messages. */
  @Optional() @Text(200) file?: string;
  /** Also removes nodes that are on, or locked by others. */
  @Optional() @IsBoolean() force?: boolean;
}

async function text(call: Call<object, SiteQuery>, parts: GatewayParts): Promise<Answer> {
  const { revision } = call.query;
  const path = revision === undefined ? "/site" : `/site/${revision}`;
  const reply = await askListener(parts, "inventory", { path, signal: call.signal });
  if (reply.status !== 200) throw problemOf(reply);
  const found = revisionOf(reply) ?? String(revision ?? "");
  return { text: { type: "application/yaml", value: reply.text }, etag: found };
}

/** Puts a site into force, or says what that would change. */
async function apply(
  call: Call<object, ApplyQuery>,
  parts: GatewayParts,
): Promise<Answer<SiteApplied>> {
  const { dryRun = false, force = false } = call.query;
  const header = call.header("if-match");
  const ifMatch = soleTag(header);
  if (header !== undefined && header.trim() !== "*" && !/^\d{1,15}$/.test(ifMatch ?? "")) {
    throw new HttpProblem(
      "precondition-failed",
      "If-Match must be the one tag that the site was read with, or *; read the site again",
    );
  }
  const query = new URLSearchParams({
    dryRun: dryRun ? "yes" : "no",
    ...(force ? { force: "yes" } : {}),
    ...(call.query.file === undefined ? {} : { file: call.query.file }),
    ...(ifMatch === undefined ? {} : { ifMatch }),
  });
  const reply = await askListener(parts, "inventory", {
    method: "POST",
    path: `/site?${query.toString()}`,
    headers: {
      "content-type": "application/yaml",
      "x-outrider-actor": call.actor,
      "x-outrider-via": call.via,
    },
    body: call.text,
    signal: call.signal,
  });
  const answer = parsed(reply.text);
  const applied = check(SiteApplied, answer, false);
  if (!applied.ok) throw problemOf(reply);
  const { outcome, faults } = applied.value;
  if (outcome === "refused") {
    const [first] = faults;
    throw new HttpProblem(
      "invalid",
      first
        ? `line ${first.line}: ${first.path}: ${first.message}${faults.length > 1 ? ` (and ${faults.length - 1} more)` : ""}`
        : "the site file was refused",
      { more: { faults } },
    );
  }
  const { site } = applied.value;
  return { body: applied.value, ...(site ? { etag: String(site.revision) } : {}) };
}

function revisionOf({ headers }: ListenerReply): string | undefined {
  const value = headers.get("x-outrider-revision") ?? headers.get("etag");
  return /(\d{1,15})/.exec(value ?? "")?.[1];
}

/** What the inventory service said in the place of an answer. */
function problemOf({ status, text: said }: ListenerReply): HttpProblem {
  const problem = check(Problem, parsed(said), false);
  if (problem.ok) {
    const { code, detail, field } = problem.value;
    return new HttpProblem(code, detail, { field });
  }
  if (status === 404) return new HttpProblem("not-found", "there is no such site or revision");
  if (status === 412) {
    return new HttpProblem(
      "precondition-failed",
      "the site has changed since it was read; read it again, then decide",
    );
  }
  return new HttpProblem(
    status === 413 ? "too-large" : "internal",
    "the inventory service gave an answer that cannot be read; its log has the details",
  );
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Newest first. */
export class SiteRevisions {
  @NestedList(() => SiteInForce, 1000) sites!: SiteInForce[];
}

async function revisions(call: Call, parts: GatewayParts): Promise<Answer<SiteRevisions>> {
  const reply = await askListener(parts, "inventory", { path: "/sites", signal: call.signal });
  const read = check(SiteRevisions, parsed(reply.text), false);
  if (reply.status !== 200 || !read.ok) throw problemOf(reply);
  return { body: read.value };
}

const APPLY = {
  tag: "site",
  right: "site",
  query: ApplyQuery,
  takes: "application/yaml",
  reply: SiteApplied,
  statuses: { 200: "What has changed, or would change." },
  problems: [409, 412, 422, 503, 504, 507],
  headers: ["if-match"],
  maxBytes: MAX_SITE_BYTES,
  handle: apply,
} as const;

export const SITE_ROUTES = [
  route({
    method: "GET",
    path: "/site",
    id: "getSite",
    tag: "site",
    summary: "The site in force: revision, hash, who applied it.",
    right: "read",
    reply: SiteInForce,
    statuses: { 200: "The site." },
    problems: [404, 503, 504],
    headers: ["if-none-match"],
    handle: async (call, parts) => {
      const site = await asking(parts, call, getSite, {});
      return { body: site, etag: String(site.revision) };
    },
  }),
  route({
    method: "GET",
    path: "/site/file",
    id: "getSiteFile",
    tag: "site",
    summary: "The text of the site file in force, or of an earlier revision.",
    right: "site",
    query: SiteQuery,
    gives: "application/yaml",
    statuses: { 200: "The text, with its revision as entity tag." },
    problems: [404, 503, 504],
    headers: ["if-none-match"],
    handle: text,
  }),
  route({
    method: "GET",
    path: "/site/revisions",
    id: "listSiteRevisions",
    tag: "site",
    summary: "The sites that were in force, as far as they are kept.",
    right: "read",
    reply: SiteRevisions,
    statuses: { 200: "The revisions." },
    problems: [503, 504],
    handle: revisions,
  }),
  route({
    ...APPLY,
    method: "PUT",
    path: "/site/file",
    id: "applySite",
    summary: "Puts a site file into force, all of it or nothing.",
  }),
];
