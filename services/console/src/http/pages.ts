import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { expandNodes } from "@outrider/contracts/node-set";
import type { HttpHandler } from "@outrider/service-kit/listener";
import type { Consoles } from "../intake/consoles.js";
import {
  SearchError,
  type ConsoleLog,
  type ConsoleLogs,
  type SearchHit,
} from "../log/console-log.js";
import type { Screens } from "../screen/screens.js";
import { timeOfMicros } from "../sessions/micros.js";
import { microsOf, QueryError, readLogQuery, wholeOf } from "./log-query.js";
import { refuse } from "./refusal.js";

/** Further pages of this service, by whoever has something to show. @returns whether it has answered, or will */
export type MorePages = (url: URL, request: IncomingMessage, response: ServerResponse) => boolean;

export interface PagesOptions {
  readonly consoles: Consoles;
  readonly logs: ConsoleLogs;
  readonly screens: Screens;
  readonly more: readonly MorePages[];
  readonly defect: (error: unknown) => void;
}

const TYPES = {
  raw: "application/octet-stream",
  text: "text/plain; charset=utf-8",
  jsonl: "application/jsonl",
} as const;

/** What is read of consoles by HTTP: logs, boots, screens, searches. The gateway has checked who asks. */
export function consolePages(options: PagesOptions): HttpHandler {
  return (request, response) => {
    if (request.method !== "GET") return refuse(response, "invalid", "only GET is answered here");
    const url = new URL(request.url ?? "/", "http://console");
    const ended = new AbortController();
    response.once("close", () => ended.abort());
    answer(options, url, request, response, ended.signal).catch((error: unknown) => {
      if (error instanceof QueryError || error instanceof SearchError) {
        return refuse(response, "invalid", error.message);
      }
      // Whoever asked is gone, or what was begun cannot be finished: the answer is cut.
      if (response.headersSent || ended.signal.aborted) return void response.destroy();
      if (isSystemError(error)) return refuse(response, "unavailable", "the log cannot be read");
      return options.defect(error);
    });
  };
}

async function answer(
  options: PagesOptions,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { pathname, searchParams: query } = url;
  const [, node, what] = /^\/consoles\/([^/]+)\/(log|boots|screen)$/.exec(pathname) ?? [];
  if (pathname === "/search") return search(options, query, response, signal);
  if (node === undefined) {
    if (options.more.some((page) => page(url, request, response))) return undefined;
    return refuse(response, "not-found", "there is no such page");
  }
  const log = options.consoles.get(node)?.log;
  if (!log) return refuse(response, "not-found", "there is no such node, or it has no console");
  switch (what) {
    case "log": {
      const { range, format, follow } = readLogQuery(query, log);
      response.writeHead(200, { "content-type": TYPES[format] });
      // What follows may be long in coming.
      response.flushHeaders();
      return stream(log.export(range, format, { follow, signal }), response, signal);
    }
    case "boots":
      return json(response, { boots: bootsOf(log) });
    default: {
      const { screen } = await options.screens.of(log);
      return json(response, screen);
    }
  }
}

async function search(
  { logs }: PagesOptions,
  query: URLSearchParams,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const nodes = query.get("nodes");
  const q = query.get("q");
  const regex = query.get("regex");
  if ((q === null) === (regex === null)) throw new QueryError("q: expected either q or regex");
  const hits = logs.search({
    ...(q === null ? {} : { query: q }),
    ...(regex === null ? {} : { regex }),
    ...(nodes === null ? {} : { nodes: nodesOf(nodes) }),
    sinceMicros: microsOf(query, "since"),
    untilMicros: microsOf(query, "until"),
    limit: wholeOf(query, "limit"),
    context: wholeOf(query, "context"),
    signal,
  });
  // What is wrong with the query is said with the first, before anything is sent.
  const iterator = hits[Symbol.asyncIterator]();
  const first = await iterator.next();
  response.writeHead(200, { "content-type": TYPES.jsonl });
  await stream(hitLines(first, iterator), response, signal);
}

async function* hitLines(
  first: IteratorResult<SearchHit, unknown>,
  rest: AsyncIterator<SearchHit>,
): AsyncGenerator<string> {
  try {
    for (let next = first; !next.done; next = await rest.next()) {
      const { atMicros, ...hit } = next.value;
      yield `${JSON.stringify({ ...hit, at: timeOfMicros(atMicros) })}\n`;
    }
  } finally {
    await rest.return?.();
  }
}

function bootsOf(log: ConsoleLog): object[] {
  return log.boots.map(({ boot, position, line, atMicros, endPosition, endMicros, stages }) => ({
    boot,
    at: timeOfMicros(atMicros),
    until: timeOfMicros(endMicros),
    line,
    position,
    bytes: endPosition - position,
    stages,
  }));
}

function nodesOf(text: string): string[] {
  try {
    return expandNodes(text);
  } catch (error) {
    throw new QueryError(
      `nodes: expected names and ranges, as n[1-8]: ${(error as Error).message}`,
    );
  }
}

async function stream(
  source: AsyncIterable<Buffer | string>,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  try {
    await pipeline(Readable.from(source), response);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function json(response: ServerResponse, body: object): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "code" in error && "syscall" in error;
}
