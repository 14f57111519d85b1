import {
  ABSENCES,
  isQuantity,
  QUANTITIES,
  type Absence,
  type Quantity,
} from "@outrider/contracts/reading";
import type { EndpointReading } from "@outrider/contracts/reading-report";
import type { DeclaredSource } from "../declared.js";
import type { Point } from "../store/store.js";

/** What a sensor said, as far as it can be so. */
export interface Sorted {
  readonly values: Partial<Record<Quantity, number>>;
  readonly absent: Partial<Record<Quantity, Absence>>;
  /** Values that were left out: of quantities that this version does not know, or that nothing can measure. */
  readonly refused: number;
}

/** Sorts out what a broken sensor or a later version has sent. */
export function sorted({ values, absent }: EndpointReading): Sorted {
  const known: Partial<Record<Quantity, number>> = {};
  const missing: Partial<Record<Quantity, Absence>> = {};
  let refused = 0;
  for (const [quantity, value] of Object.entries(values ?? {})) {
    if (!isQuantity(quantity)) refused += 1;
    else if (value >= QUANTITIES[quantity].min && value <= QUANTITIES[quantity].max) {
      known[quantity] = value;
    } else {
      refused += 1;
      missing[quantity] = "NoReading";
    }
  }
  for (const [quantity, why] of Object.entries(absent ?? {})) {
    if (isQuantity(quantity)) missing[quantity] = why;
  }
  return { values: known, absent: missing, refused };
}

/** A reading as it stands in the store. */
export function pointsOf(
  { node, kind, name }: Pick<DeclaredSource, "node" | "kind" | "name">,
  reading: EndpointReading,
  { values, absent }: Sorted,
  atMs: number,
): Point[] {
  const points: Point[] = [];
  const isAbsent = (quantity: string, why: Absence): Point => ({
    measurement: "node_absence",
    tags: { node, sensor: name, quantity },
    atMs,
    fields: { reason: ABSENCES.indexOf(why) + 1 },
  });
  if (Object.keys(values).length > 0) {
    points.push({
      measurement: "node_sensor",
      tags: { node, sensor: name },
      atMs,
      fields: values,
    });
  }
  for (const [quantity, why] of Object.entries(absent)) points.push(isAbsent(quantity, why));
  const { heartbeat } = reading;
  if (kind !== "heartbeat" || !heartbeat) return points;
  const { proves, alive, tookMs, uptimeSeconds } = heartbeat;
  if (heartbeat.absent !== undefined) points.push(isAbsent("alive", heartbeat.absent));
  const fields = {
    ...(alive === undefined ? {} : { alive: Number(alive) }),
    ...(tookMs === undefined ? {} : { tookMs }),
    ...(uptimeSeconds === undefined ? {} : { uptimeSeconds }),
  };
  if (Object.keys(fields).length > 0) {
    points.push({
      measurement: "node_heartbeat",
      tags: { node, heartbeat: name, proves },
      atMs,
      fields,
    });
  }
  return points;
}
