import { HEALTH, LIVENESS, MANAGEMENT } from "@outrider/contracts/node";
import { HOST_VALUES, SUPPLY_VALUES } from "@outrider/contracts/power";
import { isVisibleTo, type Subject } from "@outrider/identity/subject";
import type { GatewayParts } from "../parts.js";
import { agentsWithDeclared } from "../routes/agents.js";
import { askListener } from "../routes/service-listener.js";
import { nodeView } from "../routes/node-view.js";
import { tellAlarms } from "./alarm-metrics.js";
import type { Exposition } from "./exposition.js";

/** How long a service may take to tell its metrics; a scrape waits ten seconds. */
const WITHIN_MS = 5000;

/** What the system is: its services with all that they measure of themselves, its agents, and how its nodes fare. */
export async function tellSystem(
  told: Exposition,
  subject: Subject,
  parts: GatewayParts,
  signal: AbortSignal,
): Promise<void> {
  const { mirror, version } = parts;
  told.declare("outrider_build_info", "gauge", "The version of the gateway.")(1, { version });
  const up = told.declare(
    "outrider_service_up",
    "gauge",
    "1 while a service is there and tells its metrics.",
  );
  const texts = await Promise.all(
    mirror.services().map(async ({ id }) => [id, await metricsOf(id, parts, signal)] as const),
  );
  for (const [service, text] of texts) {
    up(text === undefined ? 0 : 1, { service });
    if (text !== undefined) told.merge(text, { service });
  }
  tellAgents(told, subject, parts);
  tellFleet(told, subject, parts);
  tellAlarms(told, subject, parts);
}

async function metricsOf(
  service: string,
  parts: GatewayParts,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { status, text } = await askListener(parts, service as never, {
      path: "/metrics",
      signal: AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)]),
    });
    return status === 200 ? text : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

function tellAgents(told: Exposition, subject: Subject, { mirror }: GatewayParts): void {
  const up = told.declare("outrider_agent_up", "gauge", "1 while an agent is connected.");
  const endpoints = told.declare(
    "outrider_agent_endpoints",
    "gauge",
    "Endpoints of an agent, by whether they could be opened.",
  );
  for (const { id: agent, status, description } of agentsWithDeclared(mirror, subject)) {
    up(status?.state === "ready" ? 1 : 0, { agent });
    if (!description) continue;
    const failed = description.endpoints.filter(({ state }) => state === "failed").length;
    endpoints(failed, { agent, state: "failed" });
    endpoints(description.endpoints.length - failed, { agent, state: "open" });
  }
}

/** Of the nodes that may be seen. What is stale counts as not known (P9). */
function tellFleet(told: Exposition, subject: Subject, { mirror, clock }: GatewayParts): void {
  const words = {
    supply: SUPPLY_VALUES,
    host: HOST_VALUES,
    management: [...MANAGEMENT, "Unknown"],
    liveness: LIVENESS,
    health: HEALTH,
  } as const;
  const counts = Object.fromEntries(
    Object.entries(words).map(([what, values]) => [
      what,
      new Map<string, number>(values.map((value) => [value, 0])),
    ]),
  );
  const alarms = new Map([
    ["Warning", 0],
    ["Critical", 0],
  ]);
  const count = (map: Map<string, number> | undefined, key: string): void =>
    void map?.set(key, (map.get(key) ?? 0) + 1);
  for (const id of mirror.nodeIds()) {
    const record = isVisibleTo(subject, id) ? mirror.node(id) : undefined;
    const view = record && nodeView(record, clock);
    if (!view) continue;
    const { supply, host, status } = view;
    const fresh = status?.stale ? undefined : status;
    count(counts["supply"], supply && !supply.stale ? supply.value : "Unknown");
    count(counts["host"], host && !host.stale ? host.value : "Unknown");
    count(counts["management"], fresh?.management ?? "Unknown");
    count(counts["liveness"], fresh?.liveness ?? "Unknown");
    count(counts["health"], fresh?.health ?? "Unknown");
    for (const { severity } of view.alarms ?? []) count(alarms, severity);
  }
  const nodes = told.declare("outrider_nodes", "gauge", "Nodes, by each part of their state.");
  for (const [part, byValue] of Object.entries(counts)) {
    for (const [value, number] of byValue) nodes(number, { part, value });
  }
  const standing = told.declare(
    "outrider_node_alarms",
    "gauge",
    "Alarms of nodes that stand, by severity.",
  );
  for (const [severity, number] of alarms) standing(number, { severity });
}
