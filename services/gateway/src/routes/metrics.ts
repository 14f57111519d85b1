import { Optional, Text } from "@outrider/contracts/decorators";
import { HttpProblem } from "../http/problem.js";
import { route, type Answer, type Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import { Exposition, EXPOSITION_TYPE } from "../telemetry/exposition.js";
import { tellReadings, tellState } from "../telemetry/node-metrics.js";
import { tellSystem } from "../telemetry/system-metrics.js";
import { latestOf, visibleNodes } from "./sensors.js";

/** Nodes in one scrape. */
const MOST_NODES = 1000;

export class MetricsQuery {
  /** A node, or a node set: what is known of these. Missing: what the system is. */
  @Optional() @Text(8000) target?: string;
}

async function metrics(call: Call<object, MetricsQuery>, parts: GatewayParts): Promise<Answer> {
  const { target } = call.query;
  const told = new Exposition();
  if (target === undefined) await tellSystem(told, call.subject, parts, call.signal);
  else await tellNodes(told, target, call, parts);
  return { text: { type: EXPOSITION_TYPE, value: told.text() } };
}

async function tellNodes(
  told: Exposition,
  target: string,
  call: Call<object, MetricsQuery>,
  parts: GatewayParts,
): Promise<void> {
  const nodes = visibleNodes(target, call.subject, parts);
  if (nodes.length === 0) {
    throw new HttpProblem("unknown-node", "no node in this set, of those that you may see", {
      field: "target",
    });
  }
  if (nodes.length > MOST_NODES) {
    throw new HttpProblem(
      "invalid",
      `${nodes.length} nodes are too many for one scrape, which has ${MOST_NODES}; scrape them in parts`,
      { field: "target" },
    );
  }
  for (const id of nodes) {
    const record = parts.mirror.node(id);
    if (record) tellState(told, record, parts.clock);
  }
  const known = told.declare(
    "outrider_readings_known",
    "gauge",
    "1 when the telemetry service told what sensors say, 0 when it could not be asked.",
  );
  try {
    const latest = await latestOf(nodes, call, parts);
    for (const one of latest) tellReadings(told, one);
    known(1);
  } catch (error) {
    // States are known without it, and a scrape that fails would hide them.
    if (!(error instanceof HttpProblem)) throw error;
    known(0);
  }
}

export const METRICS_ROUTE = route({
  method: "GET",
  path: "/metrics",
  id: "scrapeMetrics",
  tag: "telemetry",
  summary:
    "What the system is, or with `target` what is known of nodes, in Prometheus' text format; also at `/metrics`.",
  right: "read",
  query: MetricsQuery,
  gives: "text/plain",
  statuses: { 200: "The metrics." },
  problems: [404, 422, 504],
  handle: (call: Call<object, MetricsQuery>, parts) => metrics(call, parts) as never,
});
