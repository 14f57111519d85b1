import { Matches } from "class-validator";
import { Integer, OneOf, Optional, Text } from "@outrider/contracts/decorators";
import { ID_PATTERN } from "@outrider/contracts/ids";
import { SEVERITIES } from "@outrider/contracts/node";
import { LoggedEvents, type EventsAsked } from "@outrider/contracts/telemetry-pages";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import { TIME_PATTERN, timestampOf } from "../http/times.js";
import type { GatewayParts } from "../parts.js";
import { askTelemetry } from "../telemetry/ask-telemetry.js";
import { csvAnswer, wantsCsv } from "../telemetry/csv-answer.js";
import { eventLines } from "../telemetry/events-csv.js";
import { boundTo } from "./alarms.js";
import { TABLE_FORMATS, type TableFormat } from "./readings.js";

type Severity = (typeof SEVERITIES)[number];

export class EventHistoryQuery {
  /** Node set: only what happened to these. */
  @Optional() @Text(8000) nodes?: string;
  /** Kinds, separated by commas. */
  @Optional() @Text(500) kinds?: string;
  /** Severities, separated by commas: `warning,error,critical`. */
  @Optional() @Text(100) severity?: string;
  /** A time, or so long before now. */
  @Optional() @Matches(TIME_PATTERN) from?: string;
  /** Not included. */
  @Optional() @Matches(TIME_PATTERN) to?: string;
  /** Only what stands before this place in the log: what `next` of the page before said. */
  @Optional() @Integer(1) before?: number;
  /** In one page, default 100; of CSV in all, default all. */
  @Optional() @Integer(1, 1_000_000) limit?: number;
  /** `csv` in the place of the header Accept. */
  @Optional() @OneOf(TABLE_FORMATS) format?: TableFormat;
}

/** In one page. */
const MOST = 1000;

/** @throws HttpProblem 422 */
export function askedEvents(
  { query, subject }: Pick<Call<object, EventHistoryQuery>, "query" | "subject">,
  parts: GatewayParts,
): EventsAsked {
  const { nodes: set, kinds, severity, from, to, before, limit = 100 } = query;
  const nodes = boundTo(set, subject, parts);
  const isSeverity = (word: string): boolean => (SEVERITIES as readonly string[]).includes(word);
  return {
    limit: Math.min(limit, MOST),
    ...(nodes ? { nodes } : {}),
    ...(kinds === undefined
      ? {}
      : { kinds: words("kinds", kinds, (one) => ID_PATTERN.test(one), "power-result,boot") }),
    ...(severity === undefined
      ? {}
      : {
          severities: words("severity", severity, isSeverity, SEVERITIES.join(",")) as Severity[],
        }),
    ...(from === undefined ? {} : { from: timestampOf(from, parts.clock) }),
    ...(to === undefined ? {} : { to: timestampOf(to, parts.clock) }),
    ...(before === undefined ? {} : { before }),
  };
}

function words(
  field: string,
  text: string,
  holds: (word: string) => boolean,
  such: string,
): string[] {
  const all = [...new Set(text.split(",").map((one) => one.trim()))];
  if (all.every(holds) && all.length <= 64) return all;
  throw new HttpProblem("invalid", `${field} must be words separated by commas: ${such}`, {
    field,
  });
}

async function list(call: Call<object, EventHistoryQuery>, parts: GatewayParts): Promise<Answer> {
  const asked = askedEvents(call, parts);
  const none = asked.nodes?.length === 0;
  const ask = async (page: EventsAsked): Promise<LoggedEvents> =>
    none
      ? { events: [] }
      : (JSON.parse(await askTelemetry("events", page, call, parts)) as LoggedEvents);
  if (wantsCsv(call)) {
    const most = call.query.limit ?? Number.POSITIVE_INFINITY;
    return csvAnswer(call, parts, "events", eventLines(asked, most, ask));
  }
  return { body: await ask(asked) };
}

export const EVENT_HISTORY_ROUTES = [
  route({
    method: "GET",
    path: "/events/history",
    id: "listEventHistory",
    tag: "events",
    summary:
      "What happened, as far back as the event log goes, newest first; it survives restarts.",
    right: "read",
    query: EventHistoryQuery,
    reply: LoggedEvents,
    gives: "text/csv",
    streams: true,
    statuses: {
      200: "A page of events: as JSON, or all of them as CSV, line by line. A connection that is cut before its end lacks the rest.",
    },
    problems: [404, 422, 503, 504],
    handle: (call: Call<object, EventHistoryQuery>, parts) => list(call, parts) as never,
  }),
];
