import { csvLine } from "@outrider/contracts/csv";
import { MEASUREMENTS } from "@outrider/contracts/measurements";
import type {
  MeasurementsAsked,
  MeasurementSeries,
  MeasurementsPage,
} from "@outrider/contracts/telemetry-pages";
import { meanCell, pieces } from "./csv-pieces.js";

/**
 * What is kept of anything over time as CSV, however much. A column for each tag; `word` is what the last number stands
 * for, where numbers stand for words.
 * @param ask refuses with `too-large` what is more than fits into an answer
 */
export async function* measurementLines(
  asked: MeasurementsAsked,
  ask: (piece: MeasurementsAsked) => Promise<MeasurementsPage>,
): AsyncGenerator<string> {
  const { tags } = MEASUREMENTS[asked.measurement];
  const isRaw = asked.everyMs === 0;
  const values = isRaw ? ["value"] : ["mean", "min", "max", "last", "count"];
  yield csvLine(["time", ...tags, "field", "unit", ...values, "word"]);
  yield* pieces(asked, async (piece) => linesOf((await ask(piece)).series, tags, isRaw));
}

function linesOf(
  series: readonly MeasurementSeries[],
  tags: readonly string[],
  isRaw: boolean,
): string {
  const rows = series.flatMap((one) => one.points.map((point) => ({ one, point })));
  rows.sort((a, b) => (a.point.at < b.point.at ? -1 : a.point.at > b.point.at ? 1 : 0));
  return rows
    .map(({ one, point: { at, mean, min, max, last, count } }) =>
      csvLine([
        at,
        ...tags.map((tag) => one.tags[tag] ?? ""),
        one.field,
        one.unit,
        ...(isRaw ? [last] : [meanCell(mean), min, max, last, count]),
        one.codes?.[String(last)] ?? "",
      ]),
    )
    .join("");
}
