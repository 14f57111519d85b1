import type {
  ReadingsAsked,
  ReadingSeries,
  ReadingsPage,
} from "@outrider/contracts/telemetry-pages";
import { HttpProblem } from "../http/problem.js";
import { csvLine } from "@outrider/contracts/csv";

/** Asks for a piece of what is wanted. */
export type AskReadings = (asked: ReadingsAsked) => Promise<ReadingsPage>;

/** Nodes whose readings are asked for at once: their lines stand together, by time. */
const NODES_AT_ONCE = 20;
const FIRST_WINDOW_MS = 6 * 3_600_000;
const LEAST_WINDOW_MS = 1000;
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
  { nodes, from, to, everyMs, ...rest }: ReadingsAsked,
  ask: AskReadings,
): AsyncGenerator<string> {
  yield csvLine(everyMs === 0 ? RAW : BUCKETS);
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  for (let first = 0; first < nodes.length; first += NODES_AT_ONCE) {
    const some = nodes.slice(first, first + NODES_AT_ONCE);
    let windowMs = Math.max(everyMs, whole(FIRST_WINDOW_MS, everyMs));
    for (let at = fromMs; at < toMs;) {
      // Windows end where buckets do, so that none is told in two halves.
      const end = Math.min(toMs, whole(at + windowMs, everyMs));
      const page = await smallEnough(
        ask({
          ...rest,
          nodes: some,
          from: new Date(at).toISOString(),
          to: new Date(end).toISOString(),
          everyMs,
        }),
      );
      if (page === undefined && windowMs > Math.max(everyMs, LEAST_WINDOW_MS)) {
        windowMs = Math.max(whole(windowMs / 4, everyMs), everyMs, LEAST_WINDOW_MS);
        continue;
      }
      if (page === undefined) {
        throw new HttpProblem("too-large", "a second of these readings is too much for one answer");
      }
      const text = linesOf(page.series, everyMs === 0);
      if (text !== "") yield text;
      at = end;
      if (text.length < 500_000) windowMs = Math.min(windowMs * 2, 32 * FIRST_WINDOW_MS);
    }
  }
}

async function smallEnough(asked: Promise<ReadingsPage>): Promise<ReadingsPage | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof HttpProblem && error.code === "too-large") return undefined;
    throw error;
  }
}

/** Down to a whole number of buckets. */
function whole(ms: number, everyMs: number): number {
  return everyMs === 0 ? Math.floor(ms) : Math.floor(ms / everyMs) * everyMs;
}

function linesOf(series: readonly ReadingSeries[], raw: boolean): string {
  const rows = series.flatMap(({ node, sensor, quantity, unit, points }) =>
    points.map((point) => ({ at: point.at, of: [node, sensor, quantity, unit] as const, point })),
  );
  rows.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return rows
    .map(({ at, of, point: { mean, min, max, last, count } }) =>
      csvLine(raw ? [at, ...of, last] : [at, ...of, mean, min, max, last, count]),
    )
    .join("");
}
