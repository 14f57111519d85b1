import type {
  LatestHeartbeat,
  LatestSensor,
  NodeSensors,
} from "@outrider/contracts/telemetry-pages";
import { ageText, type Columns } from "../output.js";
import { digits, valueText } from "./quantity-text.js";

/** One quantity of one sensor, or one heartbeat. */
export interface SensorRow {
  readonly node: string;
  readonly sensor: string;
  /** Undefined: a sensor that has said nothing but that something is wrong. */
  readonly quantity: string | undefined;
  readonly value: string;
  /** The number, where there is one. */
  readonly number?: number;
  readonly unit: string;
  readonly at: string;
  readonly ageMs: number;
  readonly note: string;
}

/** A stale value is never shown as if it were fresh (P9). */
export const SENSORS: Columns<SensorRow> = {
  things: "readings of sensors",
  head: ["NODE", "SENSOR", "QUANTITY", "VALUE", "AGE", "NOTE"],
  name: ({ node, sensor, quantity = "-" }) => `${node}/${sensor}/${quantity}`,
  row: ({ node, sensor, quantity = "-", value, ageMs, note }) => [
    node,
    sensor,
    quantity,
    value,
    ageText(ageMs),
    note,
  ],
};

/** @param quantities only these; undefined: all, and heartbeats */
export function sensorRows(
  nodes: readonly NodeSensors[],
  quantities?: ReadonlySet<string>,
): SensorRow[] {
  return nodes.flatMap(({ node, sensors, heartbeats }) => [
    ...sensors.flatMap((sensor) => rowsOf(node, sensor, quantities)),
    ...(quantities ? [] : heartbeats.map((beat) => heartbeatRow(node, beat))),
  ]);
}

function rowsOf(
  node: string,
  { sensor, at, ageMs, stale, values, problem = "" }: LatestSensor,
  quantities: ReadonlySet<string> | undefined,
): SensorRow[] {
  const common = { node, sensor, at, ageMs, note: problem };
  if (values.length === 0 && !quantities) {
    return [{ ...common, quantity: undefined, value: "-", unit: "" }];
  }
  return values
    .filter(({ quantity }) => quantities?.has(quantity) ?? true)
    .map(({ quantity, unit, value, absent = "-" }) => ({
      ...common,
      quantity,
      unit,
      value: fresh(value === undefined ? absent : valueText(quantity, unit, value), stale),
      ...(value === undefined || stale ? {} : { number: value }),
    }));
}

function heartbeatRow(node: string, beat: LatestHeartbeat): SensorRow {
  const { heartbeat, proves, alive, absent = "-", at, ageMs, stale, tookMs } = beat;
  const is = alive === undefined ? absent : alive ? "alive" : "silent";
  const took = tookMs === undefined ? "" : `${digits(tookMs)} ms`;
  const up = beat.uptimeSeconds === undefined ? "" : `up ${ageText(beat.uptimeSeconds * 1000)}`;
  return {
    node,
    sensor: heartbeat,
    quantity: `heartbeat (${proves})`,
    value: fresh(is, stale),
    unit: "",
    at,
    ageMs,
    note: [took, up, beat.detail ?? "", beat.problem ?? ""]
      .filter((text) => text !== "")
      .join("; "),
  };
}

function fresh(text: string, stale: boolean): string {
  return stale ? `stale (was ${text})` : text;
}
