import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { openStore } from "@outrider/telemetry-service/store/open-store";
import { EmbeddedStore } from "@outrider/telemetry-service/store/embedded/embedded-store";
import type { Store } from "@outrider/telemetry-service/store/store";
import {
  hasInflux,
  hasVictoria,
  startInflux,
  startVictoria,
} from "@outrider/telemetry-service/store/testing/databases";
import { openInflux } from "@outrider/telemetry-service/store/testing/open-influx";
import { DEPS } from "@outrider/telemetry-service/store/testing/quiet";
import { tempDir } from "@outrider/testing/temp-dir";
import { cpuMs, hostMs } from "./machine.js";
import { figure, table } from "./markdown.js";
import { spread } from "./statistics.js";
import { MEASUREMENT, ReadingSource, VALUES_PER_POINT } from "./telemetry-source.js";

export interface StoresPlan {
  readonly nodes: number;
  readonly hours: number;
  readonly queries: number;
  /** Values that are written as fast as they are taken. */
  readonly values: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const EVERY_MS = 10_000;
const BUCKETS_MS = [MINUTE_MS, 5 * MINUTE_MS, HOUR_MS];

interface Kept {
  readonly name: string;
  readonly store: Store;
  /** Brings what was written into the form in which it is after an hour. */
  readonly settle: () => Promise<void>;
  /** Of the database; undefined for none. */
  readonly pid: number | undefined;
}

/** What the stores take and how fast they answer, the same points in each. */
export async function measureStores(plan: StoresPlan): Promise<string> {
  const ingest: string[][] = [];
  const queries: string[][] = [];
  for (const open of [openEmbedded, openInfluxDb, openVictoriaMetrics]) {
    await using stack = new AsyncDisposableStack();
    const kept = await open(stack);
    if (!kept) continue;
    ingest.push(await measureIngest(kept, plan));
    queries.push(...(await measureQueries(kept, plan)));
  }
  const { nodes, hours } = plan;
  return [
    `Values written by one process as fast as they are taken, ${VALUES_PER_POINT} values a point, 1,000 points a call; each call waits until its points are safe on the disk, and the time runs until the database has all of them (VictoriaMetrics: until it says so; 15 s later they leave the spool):`,
    "",
    table(
      [
        "store",
        "values",
        "values a second",
        "ms of processor for 1,000 values, ours",
        "the database's",
      ],
      ingest,
    ),
    "",
    `Asking for ${hours} hours of one quantity of ${nodes} nodes that was measured every ${EVERY_MS / 1000} s, mean, minimum, maximum, last and count of each bucket (the aim for the embedded store is 100 ms):`,
    "",
    table(["store, buckets of", "series", "buckets", "p50 ms", "max ms"], queries),
  ].join("\n");
}

async function measureIngest({ name, store, pid }: Kept, plan: StoresPlan): Promise<string[]> {
  const source = new ReadingSource(1000, Math.floor(Date.now() / HOUR_MS - 12) * HOUR_MS, "ingest");
  const before = { own: process.cpuUsage(), theirs: pid === undefined ? 0 : cpuMs(pid) };
  const startMs = hostMs();
  const calls: Promise<void>[] = [];
  let values = 0;
  while (values < plan.values) {
    calls.push(store.write(source.round()));
    values += 1000 * VALUES_PER_POINT;
    // Eight agents whose batches are on the way at the same time.
    if (calls.length === 8) await Promise.all(calls.splice(0));
  }
  await Promise.all(calls);
  const query = {
    measurement: "ingest",
    fromMs: source.lastMs,
    toMs: source.lastMs + 1,
    everyMs: 0,
  };
  while ((await store.range(query, AbortSignal.timeout(60_000))).length < 1000) await delay(20);
  const tookS = (hostMs() - startMs) / 1000;
  const own = process.cpuUsage(before.own);
  const ownMs = (own.user + own.system) / 1000;
  const theirs = pid === undefined ? "" : figure(((cpuMs(pid) - before.theirs) / values) * 1000);
  return [name, figure(values), figure(values / tookS), figure((ownMs / values) * 1000), theirs];
}

async function measureQueries(
  { name, store, settle }: Kept,
  plan: StoresPlan,
): Promise<string[][]> {
  const endMs = Math.floor(Date.now() / HOUR_MS - 1) * HOUR_MS;
  const startMs = endMs - plan.hours * HOUR_MS;
  const source = new ReadingSource(plan.nodes, startMs, MEASUREMENT);
  for (let atMs = startMs; atMs < endMs; atMs += HOUR_MS) {
    const rounds = Array.from({ length: HOUR_MS / EVERY_MS }, () => source.round());
    await store.write(rounds.flat());
  }
  await settle();
  const rows: string[][] = [];
  for (const everyMs of BUCKETS_MS) {
    const query = {
      measurement: MEASUREMENT,
      tags: { node: source.nodes },
      fields: ["powerWatts"],
      fromMs: startMs,
      toMs: endMs,
      everyMs,
    };
    const expected = (plan.hours * HOUR_MS) / everyMs;
    const taken: number[] = [];
    for (let round = -1; round < plan.queries; round++) {
      const beforeMs = hostMs();
      const series = await store.range(query, AbortSignal.timeout(60_000));
      if (round >= 0) taken.push(hostMs() - beforeMs);
      const isWhole = series.every(({ buckets }) => buckets.length === expected);
      if (series.length !== plan.nodes || !isWhole) throw new Error(`${name} has lost values`);
    }
    const { p50, max } = spread(taken);
    const buckets = String(plan.nodes * expected);
    rows.push([
      `${name}, ${everyMs / MINUTE_MS} min`,
      String(plan.nodes),
      buckets,
      figure(p50),
      figure(max),
    ]);
  }
  return rows;
}

async function openEmbedded(stack: AsyncDisposableStack): Promise<Kept> {
  const folder = stack.use(await tempDir("bench-"));
  const store = stack.use(await EmbeddedStore.open({ directory: folder.path }, DEPS));
  return { name: "embedded", store, settle: () => store.sealAll(), pid: undefined };
}

async function openInfluxDb(stack: AsyncDisposableStack): Promise<Kept | undefined> {
  if (!hasInflux()) return undefined;
  const folder = stack.use(await tempDir("bench-"));
  const influx = stack.use(await startInflux(join(folder.path, "influx")));
  const opened = await openInflux({ directory: join(folder.path, "own"), url: influx.url });
  const store = stack.use(opened.store);
  const settle = async (): Promise<void> => {
    await emptySpool(store);
    await opened.backend.rollUp();
  };
  return { name: "InfluxDB", store, settle, pid: influx.child.pid };
}

async function openVictoriaMetrics(stack: AsyncDisposableStack): Promise<Kept | undefined> {
  if (!hasVictoria()) return undefined;
  const folder = stack.use(await tempDir("bench-"));
  const victoria = stack.use(await startVictoria(join(folder.path, "data")));
  const config = { directory: join(folder.path, "own"), url: `victoria+${victoria.url}` };
  const store = stack.use(await openStore(config, DEPS));
  return {
    name: "VictoriaMetrics",
    store,
    settle: () => emptySpool(store),
    pid: victoria.child.pid,
  };
}

async function emptySpool(store: Store): Promise<void> {
  while (store.health().spooledPoints > 0) await delay(50);
}
