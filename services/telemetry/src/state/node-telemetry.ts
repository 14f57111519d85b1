import { isQuantity } from "@outrider/contracts/reading";
import { RESERVED_SENSOR_NAMES, type NodeTelemetry } from "@outrider/contracts/telemetry";
import type { SensorTaken } from "../telemetry-listener.js";
import { isFresh } from "./latest.js";

/** What is told of a node's sensors; undefined where none has ever said anything. Pure. */
export function nodeTelemetryOf(
  sensors: ReadonlyMap<string, SensorTaken>,
  nowMs: number,
): NodeTelemetry | undefined {
  const named = [...sensors.values()].filter(
    ({ sensor }) => !(RESERVED_SENSOR_NAMES as readonly string[]).includes(sensor),
  );
  if (named.length === 0) return undefined;
  const telemetry: NodeTelemetry = {
    at: new Date(Math.max(...named.map(({ atMs }) => atMs))).toISOString(),
  };
  const absent: NodeTelemetry["absent"] = {};
  for (const one of named) {
    const values = isFresh(one, nowMs) ? one.values : {};
    if (Object.keys(values).length > 0) telemetry[one.sensor] = values;
    Object.assign(absent, absenceOf(one, nowMs));
  }
  return Object.keys(absent).length === 0 ? telemetry : { ...telemetry, absent };
}

/** Why there is no value, of the sensor as a whole where one reason holds for all of it. */
function absenceOf(one: SensorTaken, nowMs: number): NonNullable<NodeTelemetry["absent"]> {
  if (!isFresh(one, nowMs)) return { [one.sensor]: "TimedOut" };
  const reasons = Object.entries(one.absent).filter(([quantity]) => isQuantity(quantity));
  const [first] = reasons;
  if (Object.keys(one.values).length > 0) {
    return Object.fromEntries(reasons.map(([quantity, why]) => [`${one.sensor}.${quantity}`, why]));
  }
  if (!first) return { [one.sensor]: "NoReading" };
  if (reasons.every(([, why]) => why === first[1])) return { [one.sensor]: first[1] };
  return Object.fromEntries(reasons.map(([quantity, why]) => [`${one.sensor}.${quantity}`, why]));
}
