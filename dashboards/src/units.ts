import type { FieldMeaning } from "@outrider/contracts/measurements";
import { QUANTITIES } from "@outrider/contracts/reading";
import * as units from "@grafana/grafana-foundation-sdk/units";

/** How Grafana calls the units of quantities and fields. */
const GRAFANA_UNITS: Readonly<Record<string, string>> = {
  "": units.NoUnit,
  V: units.Volt,
  A: units.Ampere,
  W: units.Watt,
  Wh: units.WattHour,
  Hz: units.Hertz,
  "°C": units.Celsius,
  "%": units.Percent,
  rpm: units.RevolutionsPerMinute,
  "Mbit/s": units.MegabitsPerSecond,
  B: units.BytesIEC,
  ms: units.Milliseconds,
  s: units.Seconds,
};

/** @throws TypeError when Grafana's name of the unit is not known here */
export function grafanaUnit({ unit }: Pick<FieldMeaning, "unit">): string {
  const name = Object.hasOwn(GRAFANA_UNITS, unit) ? GRAFANA_UNITS[unit] : undefined;
  if (name === undefined) throw new TypeError(`add Grafana's name of the unit "${unit}"`);
  return name;
}

export function isFlag(quantity: string): boolean {
  if (!Object.hasOwn(QUANTITIES, quantity)) return false;
  const { unit, min, max } = QUANTITIES[quantity as keyof typeof QUANTITIES];
  return unit === "" && min === 0 && max === 1;
}
