import { Matches } from "class-validator";
import { Integer, Optional, Text } from "@outrider/contracts/decorators";
import { MAX_PAGE_NODES } from "@outrider/contracts/telemetry-pages";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import { TIME_PATTERN } from "../http/times.js";
import type { GatewayParts } from "../parts.js";
import { LINES_TYPE, liveAnswer } from "../telemetry/live-answer.js";
import { askedEvents } from "./event-history.js";
import { visibleNodes } from "./sensors.js";

export class LiveSensorsQuery {
  /** Node set. */
  @Text(8000) nodes!: string;
}

export class LiveEventsQuery {
  /** Node set: only what happens to these. */
  @Optional() @Text(8000) nodes?: string;
  /** Kinds, separated by commas. */
  @Optional() @Text(500) kinds?: string;
  /** Severities, separated by commas: `warning,error,critical`. */
  @Optional() @Text(100) severity?: string;
  /** A time, or so long before now: nothing older is told. */
  @Optional() @Matches(TIME_PATTERN) from?: string;
  /** Goes on after this place in the log: `seq` of the last event that is known. */
  @Optional() @Integer(0) after?: number;
  /** Where `after` says nothing, begins with the newest so many. Default 100. */
  @Optional() @Integer(1, 1000) limit?: number;
}

function sensors(
  call: Call<object, LiveSensorsQuery>,
  parts: GatewayParts,
): Promise<Answer> | Answer {
  const nodes = visibleNodes(call.query.nodes, call.subject, parts);
  if (nodes.length === 0) {
    throw new HttpProblem("unknown-node", "no node in this set, of those that you may see", {
      field: "nodes",
    });
  }
  if (nodes.length > MAX_PAGE_NODES) {
    throw new HttpProblem(
      "too-large",
      `${nodes.length} nodes are too many to look at once, which may be ${MAX_PAGE_NODES}; name fewer`,
      { field: "nodes" },
    );
  }
  return liveAnswer("latest", { nodes }, call, parts);
}

function events(
  { query: { after, ...query }, ...call }: Call<object, LiveEventsQuery>,
  parts: GatewayParts,
): Promise<Answer> {
  const asked = askedEvents({ query, subject: call.subject }, parts);
  return liveAnswer("events", { ...asked, ...(after === undefined ? {} : { after }) }, call, parts);
}

const SHARED = {
  method: "GET",
  tag: "telemetry",
  right: "read",
  gives: LINES_TYPE,
  streams: true,
} as const;

export const LIVE_TELEMETRY_ROUTES = [
  route({
    ...SHARED,
    path: "/sensors/live",
    id: "watchSensors",
    summary:
      "What sensors and heartbeats say, as it comes: an object a line as `/sensors` has it for a node, all nodes at first, then each of which something was read. Without end; an empty object says only that it goes on.",
    query: LiveSensorsQuery,
    statuses: { 200: "The nodes, as something is read of them." },
    problems: [404, 413, 422, 429, 503, 504],
    handle: (call: Call<object, LiveSensorsQuery>, parts) => sensors(call, parts) as never,
  }),
  route({
    ...SHARED,
    path: "/events/live",
    id: "watchEvents",
    summary:
      "The event log, as it is written: an object a line, the oldest first. Without end; an empty object says only that it goes on.",
    query: LiveEventsQuery,
    statuses: { 200: "The events." },
    problems: [404, 422, 429, 503, 504],
    handle: (call: Call<object, LiveEventsQuery>, parts) => events(call, parts) as never,
  }),
];
