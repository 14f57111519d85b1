import type {
  ReadingsAsked,
  ReadingSeries,
  ReadingsPage,
} from "@outrider/contracts/telemetry-pages";
import { csvLine } from "@outrider/contracts/csv";
import { meanCell, pieces } from "./csv-pieces.js";

/** Asks for a piece of what is wanted. */
export type AskReadings = (asked: ReadingsAsked) => Promise<ReadingsPage>;

const RAW = ["time", "node", "sensor", "quantity", "unit", "value"] as const;
const BUCKETS = [
  "time",
  "node",
  "sensor",
  "quantity",
  "unit",
  "mean",
  "min",
  "max",
  "last",
  "count",
] as const;

/**
 * Readings as CSV, however many: asked for in pieces that are small enough, each once what came before was taken. Some
 * nodes after others, within them by time.
 * @param ask refuses with `too-large` what is more than fits into an answer
 */
export async function* readingLines(
  asked: ReadingsAsked,
  ask: AskReadings,
): AsyncGenerator<string> {
  const isRaw = asked.everyMs === 0;
  yield csvLine(isRaw ? RAW : BUCKETS);
  yield* pieces(asked, async (piece) => linesOf((await ask(piece)).series, isRaw));
}

function linesOf(series: readonly ReadingSeries[], raw: boolean): string {
  const rows = series.flatMap(({ node, sensor, quantity, unit, points }) =>
    points.map((point) => ({ at: point.at, of: [node, sensor, quantity, unit] as const, point })),
  );
  rows.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return rows
    .map(({ at, of, point: { mean, min, max, last, count } }) =>
      csvLine(raw ? [at, ...of, last] : [at, ...of, meanCell(mean), min, max, last, count]),
    )
    .join("");
}
