import { Matches, IsBoolean } from "class-validator";
import { LINE_PATTERN } from "@outrider/contracts/console-attach";
import { SYSRQ_NAMES, type ConsoleWay, type SysRqName } from "@outrider/contracts/console";
import { ActedOnConsole, actOnConsole } from "@outrider/contracts/console-operations";
import {
  Id,
  Integer,
  Nested,
  NestedList,
  OneOf,
  Optional,
  Text,
  WordList,
} from "@outrider/contracts/decorators";
import type { NodeId } from "@outrider/contracts/ids";
import type { Clock } from "@outrider/contracts/clock";
import type { Via } from "@outrider/contracts/power";
import { isVisibleTo } from "@outrider/identity/subject";
import { tagOf } from "../http/etag.js";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import type { NodeRecord } from "../mirror/node-record.js";
import { selectNodes } from "../mirror/select.js";
import type { GatewayParts } from "../parts.js";
import { asking } from "./asking.js";
import { ConsoleStateView, consoleStateOf } from "./node-view.js";
import { knownNode, NodeParams } from "./nodes.js";

/** A console as it is declared, and what was heard of it. */
export class ConsoleView {
  @Id() node!: string;
  @Text(200) name!: string;
  @Optional() @Id() agent?: string;
  @Optional() @Id() driver?: string;
  /** Missing where nothing was ever heard. */
  @Optional() @Nested(() => ConsoleStateView) state?: ConsoleStateView;
}

/** In the order in which people count. */
export class ConsoleList {
  @NestedList(() => ConsoleView, 100_000) consoles!: ConsoleView[];
}

export class ConsolesQuery {
  /** Node set: only these. */
  @Optional() @Text(8000) nodes?: string;
}

/** What can be done at a console by somebody who is not attached; power has routes of its own. */
export const CONSOLE_ACTS = ["break", "sysrq", "pulse", "line", "paste", "close", "open"] as const;

export class ConsoleAct {
  @OneOf(CONSOLE_ACTS) ask!: (typeof CONSOLE_ACTS)[number];
  /** `break`: a named sequence; missing: one break. */
  @Optional() @Id() name?: string;
  /** `break`: how long; `pulse`: how long the line is turned over. */
  @Optional() @Integer(1, 10_000) ms?: number;
  /** `sysrq`: what to press, in order. */
  @Optional() @WordList(SYSRQ_NAMES, 8) keys?: SysRqName[];
  /** `pulse` */
  @Optional() @OneOf(["dtr", "rts"]) line?: "dtr" | "rts";
  /** `line`: `115200,8n1`; `declared`: what the site says. */
  @Optional() @Matches(LINE_PATTERN) settings?: string;
  /** `close`: for how long the agent lets go of the device. Default half an hour. */
  @Optional() @Integer(1000, 86_400_000) forMs?: number;
  /** `paste`: what, where more than this goes over the console's WebSocket; `close`: why. */
  @Optional() @Text(8000) text?: string;
  /** Also while somebody else types, who is told. */
  @Optional() @IsBoolean() take?: boolean;
}

/** @returns undefined for a node that has no console and never had a state of one */
export function consoleView(record: NodeRecord, clock: Clock): ConsoleView | undefined {
  const { description } = record;
  const [binding] = description?.value.interfaces.console ?? [];
  const state = consoleStateOf(record, clock);
  if (!description || (!binding && !state)) return undefined;
  return {
    node: record.id,
    name: description.value.name,
    ...(binding ? { agent: binding.agent, driver: binding.driver } : {}),
    ...(state ? { state } : {}),
  };
}

function listConsoles(
  { query, subject }: Call<object, ConsolesQuery>,
  { mirror, clock }: GatewayParts,
): Answer<ConsoleList> {
  const ids =
    query.nodes === undefined ? mirror.nodeIds() : selectNodes(query.nodes, mirror, subject);
  const consoles: ConsoleView[] = [];
  const stamps: string[] = [];
  for (const id of ids) {
    const record = mirror.node(id);
    const view = record && isVisibleTo(subject, id) ? consoleView(record, clock) : undefined;
    if (!record || !view) continue;
    consoles.push(view);
    stamps.push(`${id}:${record.revision}:${view.state?.stale ? "1" : "0"}`);
  }
  return { body: { consoles }, etag: tagOf(...stamps) };
}

async function act(
  call: Call<NodeParams, object, ConsoleAct>,
  parts: GatewayParts,
): Promise<Answer<ActedOnConsole>> {
  const { node } = call.params;
  knownNode(node, call, parts);
  const { take, ...what } = call.body;
  checkAct(what);
  const way = wayOf(call.via);
  const body = await asking(
    parts,
    call,
    actOnConsole,
    {
      node: node as NodeId,
      act: what,
      ...(take === undefined ? {} : { take }),
      ...(way ? { way } : {}),
    },
    30_000,
  );
  return { body };
}

/** What each act cannot do without. @throws HttpProblem 422 */
function checkAct({ ask, keys, line, settings, text }: ConsoleAct): void {
  const needs = {
    break: undefined,
    sysrq: keys?.length ? undefined : "keys",
    pulse: line === undefined ? "line" : undefined,
    line: settings === undefined ? "settings" : undefined,
    paste: text === undefined || text === "" ? "text" : undefined,
    close: undefined,
    open: undefined,
  }[ask];
  if (needs === undefined) return;
  throw new HttpProblem("invalid", `${ask} needs ${needs}`, { field: needs });
}

export function wayOf(via: Via): ConsoleWay | undefined {
  return via === "cli" || via === "web" ? via : undefined;
}

export const CONSOLE_ROUTES = [
  route({
    method: "GET",
    path: "/consoles",
    id: "listConsoles",
    tag: "consoles",
    summary:
      "Consoles: whether they are connected, who types, how many look on, how far each machine has come.",
    right: "read",
    query: ConsolesQuery,
    reply: ConsoleList,
    statuses: { 200: "All consoles that may be seen." },
    problems: [422],
    headers: ["if-none-match"],
    handle: listConsoles,
  }),
  route({
    method: "GET",
    path: "/nodes/{node}/console",
    id: "getConsole",
    tag: "consoles",
    summary: "The console of one node.",
    right: "read",
    params: NodeParams,
    reply: ConsoleView,
    statuses: { 200: "The console." },
    problems: [404],
    headers: ["if-none-match"],
    handle: (call: Call<NodeParams>, parts) => {
      const record = knownNode(call.params.node, call, parts);
      const view = consoleView(record, parts.clock);
      if (!view) throw noConsole(record.id);
      return { body: view, etag: tagOf(record.id, record.revision, String(view.state?.stale)) };
    },
  }),
  route({
    method: "POST",
    path: "/nodes/{node}/console/act",
    id: "actOnConsole",
    tag: "consoles",
    summary:
      "Break, SysRq, a pulse, line settings, a paste, or the device lent to another program and taken back, by somebody who is not attached. Refused while somebody else types, unless taken.",
    right: "console-write",
    params: NodeParams,
    body: ConsoleAct,
    reply: ActedOnConsole,
    statuses: { 200: "It was done, as the sentence says." },
    problems: [404, 409, 412, 422, 423, 502, 503, 504, 507],
    handle: act,
  }),
];

/** A node that has no console. */
export function noConsole(node: string): HttpProblem {
  return new HttpProblem(
    "not-found",
    `${node} has no console; declare \`console: {agent, driver, options}\` of it in the site file`,
    { field: "node" },
  );
}
