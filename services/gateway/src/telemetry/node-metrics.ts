import type { Clock } from "@outrider/contracts/clock";
import { HEALTH, LIVENESS, MANAGEMENT } from "@outrider/contracts/node";
import { HOST_VALUES, SUPPLY_VALUES } from "@outrider/contracts/power";
import type { NodeSensors } from "@outrider/contracts/telemetry-pages";
import type { NodeRecord } from "../mirror/node-record.js";
import { nodeView } from "../routes/node-view.js";
import type { Exposition, Labels } from "./exposition.js";
import { METRICS } from "./prometheus-names.js";

/** What is known of a node's state. What is too old to be relied on is not told, rather than told as if it were (P9). */
export function tellState(told: Exposition, record: NodeRecord, clock: Clock): void {
  const view = nodeView(record, clock);
  if (!view) return;
  const { id: node, name, roles, agents, supply, host, status, fault, lock, alarms = [] } = view;
  told.declare(
    "outrider_node_info",
    "gauge",
    "A node that is declared.",
  )(1, {
    node,
    name,
    roles: roles.join(","),
    agents: agents.join(","),
  });
  const parts = { supply, host };
  for (const [part, words] of [
    ["supply", SUPPLY_VALUES],
    ["host", HOST_VALUES],
  ] as const) {
    const state = parts[part];
    if (state && !state.stale) tellWord(told, part, words, state.value, { node });
  }
  if (status && !status.stale) {
    tellWord(told, "management", MANAGEMENT, status.management, { node });
    tellWord(told, "liveness", LIVENESS, status.liveness, { node });
    tellWord(told, "health", HEALTH, status.health, { node });
  }
  const flags = [
    ["fault", "1 while attempts to power it on are exhausted.", fault !== undefined],
    ["locked", "1 while somebody holds its lock.", lock?.held !== undefined],
  ] as const;
  for (const [flag, help, is] of flags) {
    told.declare(`outrider_node_${flag}`, "gauge", help)(is ? 1 : 0, { node });
  }
  const alarm = told.declare("outrider_node_alarm", "gauge", "1: an alarm that stands.");
  for (const { id, rule, severity, acknowledged } of alarms) {
    alarm(1, { node, alarm: id, rule, severity, acknowledged: String(acknowledged !== undefined) });
  }
}

/** What a node's sensors and heartbeats last said. What is stale is told by its age alone (P9). */
export function tellReadings(told: Exposition, { node, sensors, heartbeats }: NodeSensors): void {
  const age = told.declare(
    "outrider_node_reading_age_seconds",
    "gauge",
    "How long ago the last reading was taken.",
  );
  const absent = told.declare(
    "outrider_node_reading_absent",
    "gauge",
    "1: there is no value of this, for the reason that is named.",
  );
  for (const { sensor, ageMs, stale, values } of sensors) {
    age(ageMs / 1000, { node, sensor });
    if (stale) continue;
    for (const { quantity, value, absent: reason } of values) {
      if (reason !== undefined) absent(1, { node, sensor, quantity, reason });
      if (value === undefined) continue;
      const { name, type, help, factor } = METRICS[quantity];
      told.declare(name, type, help)(scaled(value, factor), { node, sensor });
    }
  }
  const alive = told.declare(
    "outrider_node_heartbeat_alive",
    "gauge",
    "1: it answered the last time, 0: nothing was heard in time, which proves nothing.",
  );
  const took = told.declare(
    "outrider_node_heartbeat_duration_seconds",
    "gauge",
    "How long the answer took.",
  );
  const heartbeatAge = told.declare(
    "outrider_node_heartbeat_age_seconds",
    "gauge",
    "How long ago somebody last looked for a sign of life.",
  );
  const uptime = told.declare(
    "outrider_node_uptime_seconds",
    "gauge",
    "How long its system says that it has been up.",
  );
  for (const beat of heartbeats) {
    const labels = { node, heartbeat: beat.heartbeat, proves: beat.proves };
    heartbeatAge(beat.ageMs / 1000, labels);
    if (beat.stale) continue;
    if (beat.alive !== undefined) alive(beat.alive ? 1 : 0, labels);
    if (beat.tookMs !== undefined) took(scaled(beat.tookMs, 0.001), labels);
    if (beat.uptimeSeconds !== undefined) uptime(beat.uptimeSeconds, labels);
  }
}

/** One of several words: a sample for each, 1 for the one that it is. */
function tellWord(
  told: Exposition,
  what: string,
  words: readonly string[],
  is: string,
  labels: Labels,
): void {
  const tell = told.declare(
    `outrider_node_${what}`,
    "gauge",
    `1 for the ${what} that the node has, 0 for the others.`,
  );
  for (const value of words) tell(value === is ? 1 : 0, { ...labels, value });
}

/** Without the noise of binary fractions: 45 % is 0.45. */
function scaled(value: number, factor: number): number {
  return factor === 1 ? value : Number((value * factor).toPrecision(15));
}
