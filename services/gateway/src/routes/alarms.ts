import { Matches } from "class-validator";
import { Integer, OneOf, Optional, Text } from "@outrider/contracts/decorators";
import type { NodeId } from "@outrider/contracts/ids";
import {
  ALARM_ID_PATTERN,
  ALARM_SEVERITIES,
  AlarmState,
  SUBJECT_PATTERN,
  type AlarmSeverity,
} from "@outrider/contracts/telemetry";
import { acknowledgeAlarm } from "@outrider/contracts/telemetry-operations";
import {
  ALARM_CHOICES,
  AlarmRecords,
  type AlarmChoice,
  type AlarmsAsked,
} from "@outrider/contracts/telemetry-pages";
import { checkMay } from "../consoles/readable.js";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import { askTelemetry } from "../telemetry/ask-telemetry.js";
import { asking } from "./asking.js";
import { knownNode } from "./nodes.js";
import { visibleNodes } from "./sensors.js";

export class AlarmsQuery {
  /** Node set: only alarms of these. */
  @Optional() @Text(8000) nodes?: string;
  /** Default `active`: those that stand. */
  @Optional() @OneOf(ALARM_CHOICES) state?: AlarmChoice;
  @Optional() @OneOf(ALARM_SEVERITIES) severity?: AlarmSeverity;
  /** Only what stands before this place in the history: what `next` of the page before said. */
  @Optional() @Integer(1) before?: number;
  @Optional() @Integer(1, 1000) limit?: number;
}

export class AlarmParams {
  /** `node:n1`, `agent:rack-a`, `domain:psu-a`, `service:telemetry` */
  @Matches(SUBJECT_PATTERN) subject!: string;
  @Matches(ALARM_ID_PATTERN) alarm!: string;
}

export class Acknowledgement {
  /** For whoever looks next: what is being done about it. */
  @Optional() @Text(500) comment?: string;
}

/**
 * The nodes that a question about alarms or events is bounded to: those of a set, and never others than somebody may
 * see. Undefined: there is no bound, so that what is of no node is told too.
 */
export function boundTo(
  set: string | undefined,
  subject: Call["subject"],
  parts: Pick<GatewayParts, "mirror">,
): NodeId[] | undefined {
  if (set === undefined && subject.nodes === undefined) return undefined;
  return visibleNodes(set, subject, parts) as NodeId[];
}

async function list(
  call: Call<object, AlarmsQuery>,
  parts: GatewayParts,
): Promise<Answer<AlarmRecords>> {
  const { nodes: set, state = "active", severity, before, limit = 1000 } = call.query;
  const nodes = boundTo(set, call.subject, parts);
  if (nodes?.length === 0) return { body: { alarms: [] } };
  const asked: AlarmsAsked = {
    state,
    limit,
    ...(nodes ? { nodes } : {}),
    ...(severity ? { severity } : {}),
    ...(before === undefined ? {} : { before }),
  };
  return { body: JSON.parse(await askTelemetry("alarms", asked, call, parts)) as AlarmRecords };
}

async function acknowledge(
  call: Call<AlarmParams, object, Acknowledgement>,
  parts: GatewayParts,
): Promise<Answer<AlarmState>> {
  const { subject, alarm } = call.params;
  const [kind, name = ""] = subject.split(":");
  if (kind === "node") {
    knownNode(name, call, parts);
    checkMay(call.subject, "power", name, parts);
  } else if (call.subject.nodes !== undefined) {
    throw new HttpProblem(
      "not-allowed",
      `${call.subject.name} may touch some nodes only, and this is an alarm of the whole site`,
      { field: "subject" },
    );
  }
  const { comment } = call.body;
  const asked = { subject, id: alarm, ...(comment === undefined ? {} : { comment }) };
  return { body: await asking(parts, call, acknowledgeAlarm, asked) };
}

export const ALARM_ROUTES = [
  route({
    method: "GET",
    path: "/alarms",
    id: "listAlarms",
    tag: "telemetry",
    summary: "Alarms that stand, or stood, newest first.",
    right: "read",
    query: AlarmsQuery,
    reply: AlarmRecords,
    statuses: { 200: "A page of alarms." },
    problems: [404, 422, 503, 504],
    handle: list,
  }),
  route({
    method: "POST",
    path: "/alarms/{subject}/{alarm}/acknowledge",
    id: "acknowledgeAlarm",
    tag: "telemetry",
    summary: "Says that somebody has seen an alarm. It stays until what it tells of is over.",
    right: "power",
    params: AlarmParams,
    body: Acknowledgement,
    bodyOptional: true,
    reply: AlarmState,
    statuses: { 200: "The alarm, with who has acknowledged it." },
    problems: [404, 409, 503, 504, 507],
    handle: acknowledge,
  }),
];
