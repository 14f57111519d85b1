import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { basename } from "node:path";
import { parentPort } from "node:worker_threads";
import type { SearchHit } from "./console-log.js";
import { sealSegment } from "./seal.js";
import { compileQuery } from "./search-query.js";
import { SearchScan } from "./search-scan.js";
import type { SealTask, SearchStatistics, SearchTask, WorkerAnswer } from "./search-task.js";

/** The thread in which segments are sealed and searched, one task after the other, so that no console waits. */

const BATCH_HITS = 64;
/** A first hit is not held back until there are more. */
const BATCH_MS = 50;

const NICENESS = 10;

/** Consoles go before searches where there are too few processors. Linux has a priority for each thread. */
function stepBack(): void {
  try {
    setPriority(Number(basename(readlinkSync("/proc/thread-self"))), NICENESS);
  } catch {
    // Elsewhere, or not allowed: all the same then.
  }
}

stepBack();
parentPort?.on("message", (task: SealTask | SearchTask) => {
  try {
    if (task.kind === "seal") {
      sealSegment(task.directory, task.first);
      say({ kind: "done" });
    } else say({ kind: "done", statistics: search(task) });
  } catch (cause) {
    say({ kind: "failed", message: (cause as Error).message });
  }
});

function search(task: SearchTask): SearchStatistics {
  const cancelled = new Int32Array(task.cancelled);
  let batch: SearchHit[] = [];
  let sentMs = performance.now();
  const send = (): void => {
    if (batch.length > 0) say({ kind: "hits", hits: batch });
    batch = [];
    sentMs = performance.now();
  };
  const scan = new SearchScan(
    task,
    compileQuery(task.query),
    (hit) => {
      batch.push(hit);
      if (batch.length >= BATCH_HITS || performance.now() - sentMs > BATCH_MS) send();
    },
    () => Atomics.load(cancelled, 0) !== 0,
  );
  const statistics = scan.run();
  send();
  return statistics;
}

function say(answer: WorkerAnswer): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
  parentPort?.postMessage(answer);
}
