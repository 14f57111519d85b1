import { isQuantity, QUANTITIES } from "@outrider/contracts/reading";
import {
  EVERY_MS,
  everyText,
  MAX_PAGE_POINTS,
  type ReadingPoint,
  type ReadingsAsked,
  type ReadingSeries,
  type ReadingsPage,
} from "@outrider/contracts/telemetry-pages";
import type { NodeId } from "@outrider/contracts/ids";
import { StoreError, type Bucket, type Series, type Store } from "../store/store.js";

/**
 * What sensors measured over time.
 * @param most points in all
 * @throws StoreError `too-much` that says which `every` would do; `unavailable`
 */
export async function readReadings(
  { nodes, sensors, quantities, from, to, everyMs }: ReadingsAsked,
  store: Pick<Store, "range">,
  signal: AbortSignal,
  most = MAX_PAGE_POINTS,
): Promise<ReadingsPage> {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  const range = (limit: number): Promise<readonly Series[]> =>
    store.range(
      {
        measurement: "node_sensor",
        tags: { node: nodes, ...(sensors ? { sensor: sensors } : {}) },
        ...(quantities ? { fields: quantities } : {}),
        fromMs,
        toMs,
        everyMs,
        limit,
      },
      signal,
    );
  const found = nodes.length === 0 ? [] : await advised(most, range);
  return { from, to, everyMs, series: found.flatMap(seriesOf).toSorted(byName) };
}

/** @throws StoreError `too-much` that says which `every` would do; `unavailable` */
export async function advised(
  most: number,
  range: (limit: number) => Promise<readonly Series[]>,
): Promise<readonly Series[]> {
  try {
    return await range(most);
  } catch (error) {
    if (error instanceof StoreError && error.code === "too-much") {
      throw tooMuch(most, error.everyMs);
    }
    throw error;
  }
}

/** As the pages tell a bucket. */
export function pointOf({ atMs, mean, min, max, last, count }: Bucket): ReadingPoint {
  return { at: new Date(atMs).toISOString(), mean, min, max, last, count };
}

/** Says how to ask so that the answer is small enough. @param leastMs the shortest bucket that would do, if any would */
function tooMuch(most: number, leastMs: number | undefined): StoreError {
  const every = leastMs === undefined ? undefined : EVERY_MS.find((ms) => ms >= leastMs);
  const longer = every === undefined ? "" : `with every=${everyText(every)} or longer, `;
  return new StoreError(
    "too-much",
    `this would be more than ${most} points; ask ${longer}for fewer nodes, sensors or quantities, or for CSV, which has no bound`,
    every === undefined ? {} : { everyMs: every },
  );
}

function seriesOf({ tags, field, buckets }: Series): ReadingSeries[] {
  const { node, sensor } = tags;
  // Of a later version that measures what this one does not know.
  if (node === undefined || sensor === undefined || !isQuantity(field)) return [];
  return [
    {
      node: node as NodeId,
      sensor,
      quantity: field,
      unit: QUANTITIES[field].unit,
      points: buckets.map(pointOf),
    },
  ];
}

export const COLLATOR = new Intl.Collator("en", { numeric: true });

/** As people count: n2 before n10. */
function byName(a: ReadingSeries, b: ReadingSeries): number {
  return (
    COLLATOR.compare(a.node, b.node) ||
    COLLATOR.compare(a.sensor, b.sensor) ||
    COLLATOR.compare(a.quantity, b.quantity)
  );
}
