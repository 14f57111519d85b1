import { Id, Integer, NestedList, Optional, Text } from "@outrider/contracts/decorators";
import { MAX_PAGE_NODES, NodeSensors, type LatestPage } from "@outrider/contracts/telemetry-pages";
import { isVisibleTo } from "@outrider/identity/subject";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import { selectNodes } from "../mirror/select.js";
import type { GatewayParts } from "../parts.js";
import { askTelemetry } from "../telemetry/ask-telemetry.js";
import { knownNode, NodeParams } from "./nodes.js";
import { cursorAfter, readCursor } from "./page.js";

export class SensorsQuery {
  /** Node set: only these. */
  @Optional() @Text(8000) nodes?: string;
  /** Only the sensor or heartbeat of this name. */
  @Optional() @Id() sensor?: string;
  @Optional() @Text(200) cursor?: string;
  /** Nodes in one page. */
  @Optional() @Integer(1, MAX_PAGE_NODES) limit?: number;
}

export class NodeSensorsQuery {
  /** Only the sensor or heartbeat of this name. */
  @Optional() @Id() sensor?: string;
}

/** Nodes in the order in which people count. */
export class SensorPage {
  @NestedList(() => NodeSensors, MAX_PAGE_NODES) nodes!: NodeSensors[];
  /** How many nodes there are in all. */
  @Integer(0) total!: number;
  @Optional() @Text(200) next?: string;
}

/** What the nodes' sensors last said. @throws HttpProblem */
export async function latestOf(
  nodes: readonly string[],
  call: Pick<Call, "signal" | "actor">,
  parts: Pick<GatewayParts, "mirror">,
  sensor?: string,
): Promise<NodeSensors[]> {
  if (nodes.length === 0) return [];
  const page = JSON.parse(await askTelemetry("latest", { nodes }, call, parts)) as LatestPage;
  if (sensor === undefined) return page.nodes;
  return page.nodes.map(({ node, sensors, heartbeats }) => ({
    node,
    sensors: sensors.filter((one) => one.sensor === sensor),
    heartbeats: heartbeats.filter((one) => one.heartbeat === sensor),
  }));
}

/** The nodes of a set, or all, that somebody may see, in the order in which people count. @throws HttpProblem 422 */
export function visibleNodes(
  text: string | undefined,
  subject: Call["subject"],
  { mirror }: Pick<GatewayParts, "mirror">,
): string[] {
  const wanted = text === undefined ? undefined : new Set(selectNodes(text, mirror, subject));
  return mirror.nodeIds().filter((id) => isVisibleTo(subject, id) && (wanted?.has(id) ?? true));
}

async function listSensors(
  call: Call<object, SensorsQuery>,
  parts: GatewayParts,
): Promise<Answer<SensorPage>> {
  const { nodes: set, sensor, cursor, limit = 100 } = call.query;
  const all = visibleNodes(set, call.subject, parts);
  const after = readCursor(cursor);
  const begin = after === undefined ? 0 : all.indexOf(after) + 1;
  if (after !== undefined && begin === 0) {
    throw new HttpProblem("invalid", "the node that the cursor names has gone; begin anew", {
      field: "cursor",
    });
  }
  const page = all.slice(begin, begin + limit);
  const last = page.at(-1);
  const next = begin + limit < all.length && last !== undefined ? cursorAfter(last) : undefined;
  const nodes = await latestOf(page, call, parts, sensor);
  return { body: { nodes, total: all.length, ...(next === undefined ? {} : { next }) } };
}

export const SENSOR_ROUTES = [
  route({
    method: "GET",
    path: "/sensors",
    id: "listSensors",
    tag: "telemetry",
    summary:
      "What sensors and heartbeats last said, node by node, in pages: values with units and ages, or why there is none.",
    right: "read",
    query: SensorsQuery,
    reply: SensorPage,
    statuses: { 200: "A page of nodes with their sensors." },
    problems: [404, 413, 422, 503, 504],
    handle: listSensors,
  }),
  route({
    method: "GET",
    path: "/nodes/{node}/sensors",
    id: "getSensors",
    tag: "telemetry",
    summary: "What the sensors and heartbeats of one node last said.",
    right: "read",
    params: NodeParams,
    query: NodeSensorsQuery,
    reply: NodeSensors,
    statuses: { 200: "Its sensors; none where it has none or none ever said anything." },
    problems: [404, 503, 504],
    handle: async (call: Call<NodeParams, NodeSensorsQuery>, parts) => {
      const { id } = knownNode(call.params.node, call, parts);
      const [body] = await latestOf([id], call, parts, call.query.sensor);
      return { body: body ?? { node: id as never, sensors: [], heartbeats: [] } };
    },
  }),
];
