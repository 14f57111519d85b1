import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { readSeriesKey } from "../line-protocol.js";
import type { ReadReply, ReadRequest, TextRequest, TextRow } from "./protocol.js";
import { Cancelled, RangeReader, TooMuch } from "./range-reader.js";

/** The thread that answers queries of the embedded store, in order, from a snapshot that writing does not wait for. */

const port = parentPort;
if (!port) throw new Error("this module is the body of a worker thread");
const reply = (message: ReadReply): void => {
  // Copied buffers would cost more than the query.
  const transfer = message.kind === "series" ? message.series.map(({ buffer }) => buffer) : [];
  port.postMessage(message, transfer as ArrayBuffer[]);
};

const { file } = workerData as { file: string };
const db = new DatabaseSync(file, { readOnly: true, timeout: 10_000 });
db.exec("PRAGMA temp_store = MEMORY");
const ranges = new RangeReader(db);

port.on("message", (request: ReadRequest) => {
  if (request.kind === "close") {
    db.close();
    reply({ kind: "closed" });
    return port.close();
  }
  try {
    db.exec("BEGIN");
    reply(
      request.kind === "range"
        ? { kind: "series", series: ranges.read(request) }
        : { kind: "texts", texts: textsOf(request) },
    );
  } catch (error) {
    if (error instanceof TooMuch) reply({ kind: "too-much" });
    else if (error instanceof Cancelled) reply({ kind: "failed", message: "cancelled" });
    else reply({ kind: "failed", message: (error as Error).message });
  } finally {
    if (db.isTransaction) db.exec("COMMIT");
  }
});
reply({ kind: "opened" });

function textsOf(request: TextRequest): TextRow[] {
  const cancelled = new Int32Array(request.cancelled);
  const wanted = Object.entries(request.tags).map(
    ([tag, values]) => [tag, new Set(values)] as const,
  );
  const sql =
    "SELECT at_ms, key, text FROM text WHERE at_ms >= ? AND at_ms < ? ORDER BY at_ms DESC, key";
  const rows: TextRow[] = [];
  for (const row of db.prepare(sql).iterate(request.fromMs, request.toMs)) {
    if (rows.length >= request.limit) break;
    if (Atomics.load(cancelled, 0) !== 0) throw new Cancelled();
    const { measurement, tags } = readSeriesKey(String(row["key"]));
    if (measurement !== request.measurement) continue;
    if (!wanted.every(([tag, values]) => values.has(tags[tag] ?? ""))) continue;
    rows.push([Number(row["at_ms"]), String(row["key"]), String(row["text"])]);
  }
  return rows;
}
