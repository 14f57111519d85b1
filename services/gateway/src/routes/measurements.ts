import { Matches } from "class-validator";
import { OneOf, Optional, Text } from "@outrider/contracts/decorators";
import type { NodeId } from "@outrider/contracts/ids";
import { MEASUREMENTS, type Measurement } from "@outrider/contracts/measurements";
import {
  MAX_PAGE_NODES,
  MeasurementsPage,
  type MeasurementsAsked,
} from "@outrider/contracts/telemetry-pages";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import { TIME_PATTERN } from "../http/times.js";
import type { GatewayParts } from "../parts.js";
import { askTelemetry } from "../telemetry/ask-telemetry.js";
import { csvAnswer, wantsCsv } from "../telemetry/csv-answer.js";
import { measurementLines } from "../telemetry/measurements-csv.js";
import { askedSpan, EVERY_PATTERN, TABLE_FORMATS, type TableFormat } from "./readings.js";
import { visibleNodes } from "./sensors.js";

const NAMES = Object.keys(MEASUREMENTS) as Measurement[];
const WORD = /^[A-Za-z0-9._:-]{1,64}$/;

export class MeasurementParams {
  /** `node_heartbeat`, `node_state`, `node_sensor`, `node_absence`, `node_alarm`, `domain_power` … */
  @OneOf(NAMES) measurement!: Measurement;
}

export class MeasurementQuery {
  /** Node set; needed for measurements of nodes, and only for those. */
  @Optional() @Text(8000) nodes?: string;
  /** Which heartbeats, sensors, alarms, domains, agents or services, separated by commas. Missing: all. */
  @Optional() @Text(4000) of?: string;
  /** Fields, separated by commas: `alive,tookMs`. Missing: all. */
  @Optional() @Text(2000) field?: string;
  /** A time, or so long before now. Default: an hour ago. */
  @Optional() @Matches(TIME_PATTERN) from?: string;
  /** Not included. Default: now. */
  @Optional() @Matches(TIME_PATTERN) to?: string;
  /** What span goes into one point; `raw`: every point by itself. Default: one with which there are at most 300 points. */
  @Optional() @Matches(EVERY_PATTERN) every?: string;
  /** `csv` in the place of the header Accept. */
  @Optional() @OneOf(TABLE_FORMATS) format?: TableFormat;
}

function words(field: string, text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined;
  const all = [...new Set(text.split(",").map((one) => one.trim()))];
  if (all.length <= 64 && all.every((one) => WORD.test(one))) return all;
  throw new HttpProblem("invalid", `${field} must be names separated by commas, at most 64`, {
    field,
  });
}

/** The nodes that it is asked of; undefined where it is of no nodes. @throws HttpProblem */
function nodesOf(
  measurement: Measurement,
  set: string | undefined,
  subject: Call["subject"],
  parts: GatewayParts,
): NodeId[] | undefined {
  const tags: readonly string[] = MEASUREMENTS[measurement].tags;
  if (tags.includes("node")) {
    if (set !== undefined) return visibleNodes(set, subject, parts) as NodeId[];
    throw new HttpProblem("invalid", `${measurement} is of nodes: say of which`, {
      field: "nodes",
    });
  }
  if (set !== undefined) {
    throw new HttpProblem("invalid", `${measurement} is of no node`, { field: "nodes" });
  }
  if (subject.nodes === undefined) return undefined;
  throw new HttpProblem(
    "not-allowed",
    `${subject.name} may see some nodes only, and this is of the whole site`,
    { field: "measurement" },
  );
}

async function read(
  call: Call<MeasurementParams, MeasurementQuery>,
  parts: GatewayParts,
): Promise<Answer> {
  const { measurement } = call.params;
  const { nodes: set, of: given, field } = call.query;
  const nodes = nodesOf(measurement, set, call.subject, parts);
  const [of, fields] = [words("of", given), words("field", field)];
  const asked: MeasurementsAsked = {
    measurement,
    ...askedSpan(call.query, parts),
    ...(nodes ? { nodes } : {}),
    ...(of ? { of } : {}),
    ...(fields ? { fields } : {}),
  };
  if (wantsCsv(call)) {
    const ask = async (piece: MeasurementsAsked): Promise<MeasurementsPage> =>
      JSON.parse(await askTelemetry("measurements", piece, call, parts)) as MeasurementsPage;
    return csvAnswer(call, parts, measurement, measurementLines(asked, ask));
  }
  if (nodes && nodes.length > MAX_PAGE_NODES) {
    throw new HttpProblem(
      "too-large",
      `${nodes.length} nodes are too many for one answer, which has ${MAX_PAGE_NODES}; name fewer, or ask for CSV`,
      { field: "nodes" },
    );
  }
  const value = await askTelemetry("measurements", asked, call, parts);
  return { text: { type: "application/json", value } };
}

export const MEASUREMENT_ROUTES = [
  route({
    method: "GET",
    path: "/measurements/{measurement}",
    id: "readMeasurement",
    tag: "telemetry",
    summary:
      "What is kept of anything over time: heartbeats, states of nodes, alarms, power domains, clocks of agents. Where numbers stand for words, `codes` has them.",
    right: "read",
    params: MeasurementParams,
    query: MeasurementQuery,
    reply: MeasurementsPage,
    gives: "text/csv",
    streams: true,
    statuses: {
      200: "The series: as JSON, or as CSV without bound, line by line. A connection that is cut before its end lacks the rest.",
    },
    problems: [404, 413, 422, 503, 504],
    handle: (call: Call<MeasurementParams, MeasurementQuery>, parts) => read(call, parts) as never,
  }),
];
