import { Matches } from "class-validator";
import { parseDuration } from "@outrider/contracts/clock";
import { OneOf, Optional, Text } from "@outrider/contracts/decorators";
import { ID_PATTERN, type NodeId } from "@outrider/contracts/ids";
import { isQuantity, type Quantity } from "@outrider/contracts/reading";
import {
  everyFor,
  MAX_PAGE_NODES,
  ReadingsPage,
  type ReadingsAsked,
} from "@outrider/contracts/telemetry-pages";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import { TIME_PATTERN, timestampOf } from "../http/times.js";
import type { GatewayParts } from "../parts.js";
import { askTelemetry } from "../telemetry/ask-telemetry.js";
import { csvAnswer, wantsCsv } from "../telemetry/csv-answer.js";
import { readingLines } from "../telemetry/readings-csv.js";
import { knownNode, NodeParams } from "./nodes.js";
import { visibleNodes } from "./sensors.js";

export const TABLE_FORMATS = ["json", "csv"] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];

/** Points of a series where nobody says how many. */
const POINTS = 300;
const LONGEST_MS = 366 * 86_400_000;
/** A span that goes into one point. */
export const EVERY_PATTERN = /^(raw|\d{1,9}(\.\d{1,3})?(ms|s|m|h|d))$/;

export class NodeReadingsQuery {
  /** Sensors, separated by commas. Missing: all. */
  @Optional() @Text(2000) sensor?: string;
  /** Quantities, separated by commas: `voltageVolts,powerWatts`. Missing: all. */
  @Optional() @Text(2000) quantity?: string;
  /** A time, or so long before now. Default: an hour ago. */
  @Optional() @Matches(TIME_PATTERN) from?: string;
  /** Not included. Default: now. */
  @Optional() @Matches(TIME_PATTERN) to?: string;
  /** What span goes into one point, of which mean, least, greatest and last are told; `raw`: every reading. Default: one with which there are at most 300 points. */
  @Optional() @Matches(EVERY_PATTERN) every?: string;
  /** `csv` in the place of the header Accept. */
  @Optional() @OneOf(TABLE_FORMATS) format?: TableFormat;
}

export class ReadingsQuery extends NodeReadingsQuery {
  /** Node set. */
  @Text(8000) nodes!: string;
}

/** The time that a query asks for. @throws HttpProblem 422 */
export function askedSpan(
  { from = "1h", to, every }: Pick<NodeReadingsQuery, "from" | "to" | "every">,
  { clock }: Pick<GatewayParts, "clock">,
): Pick<ReadingsAsked, "from" | "to" | "everyMs"> {
  const span = {
    from: timestampOf(from, clock),
    to: to === undefined ? clock.now().toISOString() : timestampOf(to, clock),
  };
  const spanMs = Date.parse(span.to) - Date.parse(span.from);
  if (spanMs <= 0) {
    throw new HttpProblem("invalid", "from must be before to", { field: "from" });
  }
  if (spanMs > LONGEST_MS) {
    throw new HttpProblem("invalid", "from and to may lie a year apart at most", { field: "from" });
  }
  return { ...span, everyMs: everyOf(every, spanMs) };
}

/** What is asked for in a query, without the nodes. @throws HttpProblem 422 */
export function askedReadings(
  { sensor, quantity, ...time }: NodeReadingsQuery,
  parts: Pick<GatewayParts, "clock">,
): Omit<ReadingsAsked, "nodes"> {
  const span = askedSpan(time, parts);
  const sensors = words("sensor", sensor, (one) => ID_PATTERN.test(one));
  const quantities = words("quantity", quantity, isQuantity) as Quantity[] | undefined;
  return {
    ...span,
    ...(sensors ? { sensors } : {}),
    ...(quantities ? { quantities } : {}),
  };
}

function everyOf(text: string | undefined, spanMs: number): number {
  if (text === "raw") return 0;
  if (text === undefined) return everyFor(spanMs, POINTS);
  const ms = parseDuration(text) ?? 0;
  if (ms >= 1000 && ms <= LONGEST_MS) return ms;
  throw new HttpProblem("invalid", "every is `raw` or lies between 1s and 366d", {
    field: "every",
  });
}

function words(
  field: string,
  text: string | undefined,
  holds: (word: string) => boolean,
): string[] | undefined {
  if (text === undefined) return undefined;
  const all = text.split(",").map((one) => one.trim());
  const wrong = all.find((one) => !holds(one));
  if (wrong === undefined && all.length <= 64) return [...new Set(all)];
  throw new HttpProblem(
    "invalid",
    field === "quantity"
      ? "quantity must be names of quantities separated by commas, such as voltageVolts,powerWatts; docs/telemetry.md lists them"
      : "sensor must be names separated by commas, at most 64",
    { field },
  );
}

async function read(
  nodes: readonly string[],
  call: Call<object, NodeReadingsQuery>,
  parts: GatewayParts,
): Promise<Answer> {
  const asked = { ...askedReadings(call.query, parts), nodes: nodes as NodeId[] };
  if (wantsCsv(call)) {
    const ask = async (piece: ReadingsAsked): Promise<ReadingsPage> =>
      JSON.parse(await askTelemetry("readings", piece, call, parts)) as ReadingsPage;
    return csvAnswer(call, parts, "readings", readingLines(asked, ask));
  }
  if (nodes.length > MAX_PAGE_NODES) {
    throw new HttpProblem(
      "too-large",
      `${nodes.length} nodes are too many for one answer, which has ${MAX_PAGE_NODES}; name fewer, or ask for CSV`,
      { field: "nodes" },
    );
  }
  // As the service tells it: it may be long, and nothing is added to it.
  return {
    text: { type: "application/json", value: await askTelemetry("readings", asked, call, parts) },
  };
}

const SHARED = {
  method: "GET",
  tag: "telemetry",
  right: "read",
  reply: ReadingsPage,
  gives: "text/csv",
  streams: true,
  statuses: {
    200: "The series: as JSON, or as CSV without bound, line by line. A connection that is cut before its end lacks the rest.",
  },
  problems: [404, 413, 422, 503, 504],
} as const;

export const READING_ROUTES = [
  route({
    ...SHARED,
    path: "/readings",
    id: "readReadings",
    summary: "What sensors of nodes have measured over time: mean, least, greatest and last.",
    query: ReadingsQuery,
    handle: (call: Call<object, ReadingsQuery>, parts) =>
      read(visibleNodes(call.query.nodes, call.subject, parts), call, parts) as never,
  }),
  route({
    ...SHARED,
    path: "/nodes/{node}/readings",
    id: "readNodeReadings",
    summary: "What the sensors of one node have measured over time.",
    params: NodeParams,
    query: NodeReadingsQuery,
    handle: (call: Call<NodeParams, NodeReadingsQuery>, parts) =>
      read([knownNode(call.params.node, call, parts).id], call, parts) as never,
  }),
];
