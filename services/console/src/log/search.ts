import { SearchError, type SearchHit, type SearchQuery } from "./console-log.js";
import type { NodeLog } from "./node-log.js";
import { RawSegment } from "./raw-segment.js";
import { compileQuery } from "./search-query.js";
import type { SearchStatistics, SearchTask, SearchedLog, SearchedSegment } from "./search-task.js";
import type { WorkerPool } from "./worker-pool.js";

const DEFAULT_HITS = 1000;
const MOST_HITS = 100_000;
const MOST_CONTEXT = 10;

/** Searches logs in a worker, and gives out hits as they come. @throws SearchError */
export async function* searchLogs(
  logs: readonly NodeLog[],
  query: SearchQuery,
  pool: WorkerPool,
  onDone: (statistics: SearchStatistics | undefined) => void = () => undefined,
): AsyncGenerator<SearchHit> {
  // Looked at here too, so that what is wrong with it is said before anything else.
  compileQuery(query);
  const cancelled = new SharedArrayBuffer(4);
  const task: SearchTask = {
    kind: "search",
    query: { query: query.query, regex: query.regex },
    sinceMicros: query.sinceMicros ?? 0,
    untilMicros: query.untilMicros ?? Number.MAX_SAFE_INTEGER,
    limit: Math.min(query.limit ?? DEFAULT_HITS, MOST_HITS),
    context: Math.min(query.context ?? 0, MOST_CONTEXT),
    logs: logs.map(searchedLog),
    cancelled,
  };
  const { signal } = query;
  const found: SearchHit[] = [];
  let wake: () => void = () => undefined;
  let isDone = false;
  let failure: Error | undefined;
  const cancel = (): void => {
    Atomics.store(new Int32Array(cancelled), 0, 1);
    isDone = true;
    wake();
  };
  signal?.addEventListener("abort", cancel, { once: true });
  if (signal?.aborted) cancel();
  const running = pool
    .run(task, (hits) => {
      found.push(...hits);
      wake();
    })
    .then(onDone, (cause: unknown) => {
      failure = new SearchError(`The search failed: ${(cause as Error).message}`, { cause });
    })
    .finally(() => {
      isDone = true;
      wake();
    });
  try {
    for (;;) {
      for (let hit = found.shift(); hit; hit = found.shift()) {
        if (signal?.aborted) return;
        yield hit;
      }
      if (isDone) break;
      await new Promise<void>((resolve) => (wake = resolve));
    }
    if (!signal?.aborted) {
      await running;
      if (failure) throw failure;
    }
  } finally {
    cancel();
    signal?.removeEventListener("abort", cancel);
  }
}

function searchedLog(log: NodeLog): SearchedLog {
  return {
    node: log.node,
    directory: log.directory,
    segments: log.segments
      .filter((segment) => segment.end > segment.first)
      .map((segment): SearchedSegment => {
        const { first, end, line, lastMicros = 0 } = segment;
        const common = { first, end, line, lastMicros };
        if (!(segment instanceof RawSegment)) return { ...common, sealed: true };
        const { position, bytes } = segment.unwritten();
        if (bytes.length === 0) return { ...common, sealed: false };
        const { entries } = segment;
        const from = entries.indexOf(position);
        return {
          ...common,
          sealed: false,
          unwritten: {
            position,
            bytes,
            positions: entries.positions.slice(from).map((at) => Math.max(at, position)),
            micros: entries.micros.slice(from),
          },
        };
      }),
  };
}
