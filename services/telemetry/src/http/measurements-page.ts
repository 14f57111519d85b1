import type { NodeId } from "@outrider/contracts/ids";
import { MEASUREMENTS, type FieldMeaning } from "@outrider/contracts/measurements";
import {
  MAX_PAGE_POINTS,
  type MeasurementsAsked,
  type MeasurementSeries,
  type MeasurementsPage,
} from "@outrider/contracts/telemetry-pages";
import type { Series, Store } from "../store/store.js";
import { advised, COLLATOR, pointOf } from "./readings-page.js";

/** What is asked of a measurement and it does not have. */
export class NotOfMeasurement extends Error {
  override readonly name = "NotOfMeasurement";

  constructor(
    readonly field: "nodes" | "of" | "fields",
    message: string,
  ) {
    super(message);
  }
}

/**
 * What is kept of anything over time, whatever the store.
 * @param most points in all
 * @throws NotOfMeasurement; StoreError `too-much` that says which `every` would do; `unavailable`
 */
export async function readMeasurements(
  { measurement, nodes, of, fields, from, to, everyMs }: MeasurementsAsked,
  store: Pick<Store, "range">,
  signal: AbortSignal,
  most = MAX_PAGE_POINTS,
): Promise<MeasurementsPage> {
  const meaning = MEASUREMENTS[measurement];
  const known: Readonly<Record<string, FieldMeaning>> = meaning.fields;
  const isOfNodes = meaning.tags.some((tag) => tag === "node");
  const ofTag = meaning.tags.find((tag) => tag !== "node");
  if (isOfNodes !== (nodes !== undefined)) {
    const why = isOfNodes ? "is of nodes: say of which" : "is of no node";
    throw new NotOfMeasurement("nodes", `${measurement} ${why}`);
  }
  if (of && ofTag === undefined) {
    throw new NotOfMeasurement("of", `${measurement} has one of each node only`);
  }
  if (fields?.some((field) => !Object.hasOwn(known, field))) {
    const there = Object.keys(known).join(", ");
    throw new NotOfMeasurement("fields", `${measurement} has the fields ${there}`);
  }
  const page = { measurement, from, to, everyMs };
  if (nodes?.length === 0) return { ...page, series: [] };
  const query = {
    measurement,
    tags: {
      ...(nodes ? { node: nodes } : {}),
      ...(of && ofTag !== undefined ? { [ofTag]: of } : {}),
    },
    ...(fields ? { fields } : {}),
    fromMs: Date.parse(from),
    toMs: Date.parse(to),
    everyMs,
  };
  const found = await advised(most, (limit) => store.range({ ...query, limit }, signal));
  const series = found.flatMap((one) => seriesOf(one, known, ofTag)).toSorted(byName);
  return { ...page, series };
}

function seriesOf(
  { tags, field, buckets }: Series,
  known: Readonly<Record<string, FieldMeaning>>,
  ofTag: string | undefined,
): MeasurementSeries[] {
  // Of a later version that keeps what this one does not know.
  const meaning = Object.hasOwn(known, field) ? known[field] : undefined;
  if (!meaning) return [];
  const { node } = tags;
  const of = ofTag === undefined ? undefined : tags[ofTag];
  return [
    {
      tags: { ...tags },
      ...(node === undefined ? {} : { node: node as NodeId }),
      ...(of === undefined ? {} : { of }),
      field,
      unit: meaning.unit,
      ...(meaning.codes ? { codes: { ...meaning.codes } } : {}),
      points: buckets.map(pointOf),
    },
  ];
}

/** As people count: n2 before n10. */
function byName(a: MeasurementSeries, b: MeasurementSeries): number {
  return (
    COLLATOR.compare(a.node ?? "", b.node ?? "") ||
    COLLATOR.compare(a.of ?? "", b.of ?? "") ||
    COLLATOR.compare(a.field, b.field)
  );
}
