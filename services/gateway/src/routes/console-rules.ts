import { CommandIdText, Integer, NestedList, Optional, Text } from "@outrider/contracts/decorators";
import {
  clearRule,
  ConsoleCapture,
  listCaptures,
  listRules,
  RuleRecord,
  RuleRef,
} from "@outrider/contracts/console-operations";
import type { CommandId, NodeId } from "@outrider/contracts/ids";
import { HttpProblem } from "../http/problem.js";
import { route, type Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import { handedThrough } from "../consoles/hand-through.js";
import { checkMay, chunksOf, permittedNodes } from "../consoles/readable.js";
import { asking } from "./asking.js";
import { knownNode } from "./nodes.js";

export class CapturesQuery {
  /** Node set: only of these. */
  @Optional() @Text(8000) nodes?: string;
  @Optional() @Integer(1, 100) limit?: number;
}

/** Newest first. */
export class Captures {
  @NestedList(() => ConsoleCapture, 100) captures!: ConsoleCapture[];
}

export class CaptureParams {
  @CommandIdText() id!: CommandId;
}

export class RuleRecords {
  @NestedList(() => RuleRecord, 200) records!: RuleRecord[];
}

/** As many as one answer has. */
const MOST = 100;

async function capturesAt(
  call: Pick<Call, "actor" | "via" | "signal" | "subject">,
  parts: GatewayParts,
  { nodes: set, limit = MOST }: CapturesQuery,
): Promise<ConsoleCapture[]> {
  const nodes = permittedNodes(set, "console-read", call.subject, parts);
  const found: ConsoleCapture[] = [];
  for (const chunk of chunksOf(nodes)) {
    const asked = chunk ? { nodes: chunk as NodeId[], limit } : { limit };
    found.push(...(await asking(parts, call, listCaptures, asked)).captures);
  }
  return found.toSorted((a, b) => (a.at < b.at ? 1 : -1)).slice(0, limit);
}

export const CONSOLE_RULE_ROUTES = [
  route({
    method: "GET",
    path: "/consoles/captures",
    id: "listCaptures",
    tag: "consoles",
    summary: "Pieces of consoles that were kept because of what was in them, newest first.",
    right: "console-read",
    query: CapturesQuery,
    reply: Captures,
    statuses: { 200: "The captures." },
    problems: [404, 422, 503, 504],
    handle: async (call: Call<object, CapturesQuery>, parts) => ({
      body: { captures: await capturesAt(call, parts, call.query) },
    }),
  }),
  route({
    method: "GET",
    path: "/consoles/captures/{id}",
    id: "getCapture",
    tag: "consoles",
    summary: "The bytes of a capture.",
    right: "console-read",
    params: CaptureParams,
    gives: "application/octet-stream",
    streams: true,
    statuses: { 200: "The exact bytes." },
    problems: [404, 429, 503, 504],
    handle: async (call: Call<CaptureParams>, parts) => {
      const { id } = call.params;
      const { nodes } = call.subject;
      const mine = nodes === undefined ? [] : await capturesAt(call, parts, {});
      if (nodes !== undefined && !mine.some((one) => one.id === id)) {
        throw new HttpProblem(
          "not-found",
          "there is no capture of this id; see GET /api/v1/consoles/captures",
        );
      }
      return handedThrough(call, parts, {
        path: `/captures/${encodeURIComponent(id)}`,
        type: "application/octet-stream",
        file: `${id}.capture`,
      });
    },
  }),
  route({
    method: "GET",
    path: "/consoles/rules",
    id: "listRules",
    tag: "consoles",
    summary: "What the rules have done, and which do not act any more.",
    right: "console-read",
    reply: RuleRecords,
    statuses: { 200: "A record for each rule and node." },
    problems: [404, 503, 504],
    handle: async (call: Call, parts) => {
      const { records } = await asking(parts, call, listRules, {});
      const isMine = ({ node }: RuleRecord): boolean =>
        parts.people.may(call.subject, "console-read", node) === true;
      return { body: { records: records.filter(isMine) } };
    },
  }),
  route({
    method: "POST",
    path: "/consoles/rules/clear",
    id: "clearRule",
    tag: "consoles",
    summary: "Lets a rule act on the power of a node again.",
    right: "power",
    body: RuleRef,
    statuses: { 204: "It acts again." },
    problems: [404, 409, 503, 504, 507],
    handle: async (call: Call<object, object, RuleRef>, parts) => {
      knownNode(call.body.node, call, parts);
      checkMay(call.subject, "power", call.body.node, parts);
      await asking(parts, call, clearRule, call.body);
      return {};
    },
  }),
];
