import { IsBoolean, Matches } from "class-validator";
import { CONSOLE_STAGES, type ConsoleStage } from "@outrider/contracts/console";
import {
  Integer,
  Nested,
  NestedList,
  OneOf,
  Optional,
  Text,
  Timestamp,
  WordList,
} from "@outrider/contracts/decorators";
import { foldedList } from "../people/permitted.js";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import { TIME_PATTERN, timeOf } from "../http/times.js";
import type { GatewayParts } from "../parts.js";
import { permittedNodes } from "../consoles/readable.js";
import { handedThrough } from "../consoles/hand-through.js";
import { knownNode, NodeParams } from "./nodes.js";
import { askDocument } from "./service-listener.js";

/** How long a search may take to find anything. */
const SEARCH_MS = 280_000;

export const LOG_FORMATS = {
  text: "text/plain",
  raw: "application/octet-stream",
  jsonl: "application/jsonl",
} as const;
type LogFormat = keyof typeof LOG_FORMATS;

export class LogQuery {
  /** A time, or so long before now. */
  @Optional() @Matches(TIME_PATTERN) from?: string;
  @Optional() @Matches(TIME_PATTERN) until?: string;
  /** Only the last so many lines. */
  @Optional() @Integer(1, 1_000_000) lines?: number;
  /** Number of a boot; 0: the last one, -1: the one before. */
  @Optional() @Integer(-1_000_000, Number.MAX_SAFE_INTEGER) boot?: number;
  /** The line that this byte is in, by its position through the life of the log, and what follows. */
  @Optional() @Integer(0) position?: number;
  /** `text`: cleaned, a time before each line; `raw`: the exact bytes; `jsonl`: an object a line. Default `text`. */
  @Optional() @OneOf(Object.keys(LOG_FORMATS)) format?: LogFormat;
  /** Goes on with what comes, until the client ends it. */
  @Optional() @IsBoolean() follow?: boolean;
}

export class SearchQuery {
  /** Text to be found in a line, whatever its case. Either this or `regex`. */
  @Optional() @Text(500) q?: string;
  /** RE2 syntax, matched on each line. */
  @Optional() @Text(500) regex?: string;
  /** A time, or so long before now. */
  @Optional() @Matches(TIME_PATTERN) since?: string;
  @Optional() @Matches(TIME_PATTERN) until?: string;
  /** Node set: only these. */
  @Optional() @Text(8000) nodes?: string;
  /** At most so many lines. Default 1000. */
  @Optional() @Integer(1, 100_000) limit?: number;
  /** Lines before and after each. */
  @Optional() @Integer(0, 10) context?: number;
}

/** A chapter of the log: from one start of the machine to the next. */
export class BootView {
  @Integer(1) boot!: number;
  @Timestamp() at!: string;
  @Timestamp() until!: string;
  /** Number of its first line, and of its first byte, through the life of the log. */
  @Integer(1) line!: number;
  @Integer(0) position!: number;
  @Integer(0) bytes!: number;
  /** How far it came, and whether it ended in a panic. */
  @WordList(CONSOLE_STAGES) stages!: ConsoleStage[];
}

/** Oldest first; the last one goes on. */
export class BootList {
  @NestedList(() => BootView, 100_000) boots!: BootView[];
}

/** From 0. */
export class CursorView {
  @Integer(0) row!: number;
  @Integer(0) column!: number;
}

/** As a terminal would show it now. */
export class ScreenView {
  @Integer(1) columns!: number;
  @Integer(1) rows!: number;
  /** The lines, top first, without attributes. */
  @Text(1_000_000) text!: string;
  /** What draws it on a terminal: colours, cursor and modes included, and nothing that could do harm. */
  @Text(1_000_000) ansi!: string;
  @Nested(() => CursorView) cursor!: CursorView;
  /** Whether it was made of the end of the log only, so that what stood on it before is missing. */
  @IsBoolean() approximate!: boolean;
}

function queryOf(given: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const entries = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  return new URLSearchParams(entries).toString();
}

async function readLog(call: Call<NodeParams, LogQuery>, parts: GatewayParts): Promise<Answer> {
  const { node } = call.params;
  knownNode(node, call, parts);
  const { format = "text", from, until, lines, boot, position, follow } = call.query;
  if ([from, lines, boot, position].filter((one) => one !== undefined).length > 1) {
    throw new HttpProblem("invalid", "name where it begins once: from, lines, boot or position", {
      field: "from",
    });
  }
  const query = queryOf({
    from: timeOf(from, parts.clock),
    until: timeOf(until, parts.clock),
    lines,
    boot,
    position,
    format,
    follow,
  });
  const charset = format === "raw" ? "" : "; charset=utf-8";
  return handedThrough(call, parts, {
    path: `/consoles/${node}/log?${query}`,
    type: LOG_FORMATS[format] + charset,
    node,
    ...(format === "raw" ? { file: `${node}.console.log` } : {}),
  });
}

async function search(call: Call<object, SearchQuery>, parts: GatewayParts): Promise<Answer> {
  const { q, regex, since, until, limit, context } = call.query;
  if ((q === undefined) === (regex === undefined) || q === "" || regex === "") {
    throw new HttpProblem("invalid", "name what is searched for: either q, a text, or regex", {
      field: "q",
    });
  }
  const nodes = permittedNodes(call.query.nodes, "console-read", call.subject, parts);
  if (nodes?.length === 0) {
    throw new HttpProblem("invalid", "no node in this set whose console you may read", {
      field: "nodes",
    });
  }
  const query = queryOf({
    q,
    regex,
    since: timeOf(since, parts.clock),
    until: timeOf(until, parts.clock),
    nodes: nodes && foldedList(nodes),
    limit,
    context,
  });
  return handedThrough(call, parts, {
    path: `/search?${query}`,
    type: `${LOG_FORMATS.jsonl}; charset=utf-8`,
    // The answer begins with the first line that is found.
    beginMs: SEARCH_MS,
  });
}

/** Asks the listener for a JSON document of a console. */
async function documentOf<T>(
  call: Call<NodeParams>,
  parts: GatewayParts,
  what: string,
): Promise<T> {
  const { node } = call.params;
  knownNode(node, call, parts);
  const path = `/consoles/${node}/${what}`;
  return JSON.parse(await askDocument(parts, "console", { path, signal: call.signal })) as T;
}

export const CONSOLE_LOG_ROUTES = [
  route({
    method: "GET",
    path: "/nodes/{node}/console/log",
    id: "readConsoleLog",
    tag: "consoles",
    summary: "The log of a console, or a part of it; with `follow` also what comes.",
    right: "console-read",
    params: NodeParams,
    query: LogQuery,
    gives: Object.values(LOG_FORMATS),
    streams: true,
    statuses: {
      200: "The log, as it is read. A connection that is cut before its end lacks the rest.",
    },
    problems: [404, 422, 429, 503, 504],
    handle: readLog,
  }),
  route({
    method: "GET",
    path: "/nodes/{node}/console/boots",
    id: "listBoots",
    tag: "consoles",
    summary: "The boots in the log of a console, oldest first.",
    right: "console-read",
    params: NodeParams,
    reply: BootList,
    statuses: { 200: "The boots." },
    problems: [404, 503, 504],
    handle: async (call: Call<NodeParams>, parts) => ({
      body: await documentOf<BootList>(call, parts, "boots"),
    }),
  }),
  route({
    method: "GET",
    path: "/nodes/{node}/console/screen",
    id: "getScreen",
    tag: "consoles",
    summary: "The screen of a console as it stands now.",
    right: "console-read",
    params: NodeParams,
    reply: ScreenView,
    statuses: { 200: "The screen." },
    problems: [404, 503, 504],
    handle: async (call: Call<NodeParams>, parts) => ({
      body: await documentOf<ScreenView>(call, parts, "screen"),
    }),
  }),
  route({
    method: "GET",
    path: "/consoles/search",
    id: "searchConsoles",
    tag: "consoles",
    summary: "Lines in the logs of consoles that match, newest first, an object a line.",
    right: "console-read",
    query: SearchQuery,
    gives: LOG_FORMATS.jsonl,
    streams: true,
    statuses: { 200: "The lines, as they are found." },
    problems: [413, 422, 429, 503, 504],
    handle: search,
  }),
];
