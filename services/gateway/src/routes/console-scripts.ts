import { IsBoolean } from "class-validator";
import { CommandIdText, Integer, NestedList, Optional, Text } from "@outrider/contracts/decorators";
import {
  abortScript,
  getScript,
  listScripts,
  runScript,
  ScriptList,
  ScriptRun,
} from "@outrider/contracts/console-operations";
import type { CommandId, NodeId } from "@outrider/contracts/ids";
import { HttpProblem } from "../http/problem.js";
import { route, type Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import { handedThrough } from "../consoles/hand-through.js";
import { checkMay } from "../consoles/readable.js";
import { asking } from "./asking.js";
import { knownNode, NodeParams } from "./nodes.js";

export class ScriptParams {
  @CommandIdText() id!: CommandId;
}

/** A script, run by the console service with the console to itself. */
export class ScriptOrder {
  /** One step a line: `expect /regex/ [within 10s]`, `send "text\r"`, `break`, `sysrq sync`, `sleep 1s`, `fail "text"` … */
  @Text(16_000) script!: string;
  /** For all of it. */
  @Integer(100, 3_600_000) deadlineMs!: number;
  /** Takes the console from whoever types. */
  @Optional() @IsBoolean() take?: boolean;
  @Optional() @Text(500) reason?: string;
}

/** Newest first. */
export class ScriptRuns {
  @NestedList(() => ScriptRun, 100) runs!: ScriptRun[];
}

/** @throws HttpProblem 404 also for one at a console that the subject may not read */
async function visibleRun(call: Call<ScriptParams>, parts: GatewayParts): Promise<ScriptRun> {
  const run = await asking(parts, call, getScript, { id: call.params.id });
  if (parts.people.may(call.subject, "console-read", run.node) === true) return run;
  throw new HttpProblem(
    "not-found",
    "there is no script run of this id; see GET /api/v1/consoles/scripts",
  );
}

async function visibleRuns(call: Call, parts: GatewayParts): Promise<ScriptList> {
  const { runs } = await asking(parts, call, listScripts, {});
  const { people } = parts;
  return {
    runs: runs.filter(({ node }) => people.may(call.subject, "console-read", node) === true),
  };
}

export const CONSOLE_SCRIPT_ROUTES = [
  route({
    method: "POST",
    path: "/nodes/{node}/console/scripts",
    id: "runScript",
    tag: "consoles",
    summary: "Begins a script at a console.",
    right: "console-write",
    params: NodeParams,
    body: ScriptOrder,
    reply: ScriptRun,
    statuses: { 202: "It runs; its resource says how it goes." },
    problems: [404, 409, 422, 503, 504, 507],
    handle: async (call: Call<NodeParams, object, ScriptOrder>, parts) => {
      const { node } = call.params;
      knownNode(node, call, parts);
      const run = await asking(parts, call, runScript, { ...call.body, node: node as NodeId });
      return { body: run, headers: { location: `/api/v1/consoles/scripts/${run.id}` } };
    },
  }),
  route({
    method: "GET",
    path: "/consoles/scripts",
    id: "listScripts",
    tag: "consoles",
    summary: "The newest script runs.",
    right: "console-read",
    reply: ScriptRuns,
    statuses: { 200: "Those at consoles that may be read." },
    problems: [404, 503, 504],
    handle: async (call: Call, parts) => ({ body: await visibleRuns(call, parts) }),
  }),
  route({
    method: "GET",
    path: "/consoles/scripts/{id}",
    id: "getScript",
    tag: "consoles",
    summary: "What became of a script.",
    right: "console-read",
    params: ScriptParams,
    reply: ScriptRun,
    statuses: { 200: "The run." },
    problems: [404, 503, 504],
    handle: async (call: Call<ScriptParams>, parts) => ({ body: await visibleRun(call, parts) }),
  }),
  route({
    method: "GET",
    path: "/consoles/scripts/{id}/transcript",
    id: "getTranscript",
    tag: "consoles",
    summary: "What a script sent and what the console said.",
    right: "console-read",
    params: ScriptParams,
    gives: "text/plain",
    streams: true,
    statuses: { 200: "The transcript." },
    problems: [404, 429, 503, 504],
    handle: async (call: Call<ScriptParams>, parts) => {
      const { id, node } = await visibleRun(call, parts);
      return handedThrough(call, parts, {
        path: `/scripts/${encodeURIComponent(id)}/transcript`,
        type: "text/plain; charset=utf-8",
        node,
      });
    },
  }),
  route({
    method: "DELETE",
    path: "/consoles/scripts/{id}",
    id: "abortScript",
    tag: "consoles",
    summary: "Stops a script.",
    right: "console-write",
    params: ScriptParams,
    reply: ScriptRun,
    statuses: { 200: "How it ended." },
    problems: [404, 409, 503, 504, 507],
    handle: async (call: Call<ScriptParams>, parts) => {
      const { id, node } = await visibleRun(call, parts);
      checkMay(call.subject, "console-write", node, parts);
      return { body: await asking(parts, call, abortScript, { id }) };
    },
  }),
];
