import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import type { SearchQuery } from "../log/console-log.js";
import { openConsoleLogs } from "../log/console-logs.js";
import { EntryTable, countLineFeeds } from "../log/entry-table.js";
import { SEGMENT_BYTES } from "../log/log-limits.js";
import { packBlocks, writeSealed, type PackedBlocks } from "../log/seal.js";
import type { SearchStatistics } from "../log/search-task.js";
import { ConsoleProse } from "./console-prose.js";
import type { TestedLogs } from "./log-fixture.js";

/** What costs of the log are measured with: `npm run bench` and whoever wants to know. */

/** Stands once in every {@link NEEDLE_EVERY_BYTES} of the logs that {@link makeLogs} makes. */
export const NEEDLE = "hwmon hwmon1: Undervoltage detected!";
export const NEEDLE_EVERY_BYTES = 2 ** 30;
/** Stands in every segment. */
export const COMMON = "brcmf_cfg80211_set_power_mgmt";

const BOUNDS = { maxBytes: 2 ** 40, maxAgeMs: 1e13 };
const TEMPLATES = 8;
const RUN_BYTES = 1200;
/** About 115,200 baud. */
const MICROS_PER_BYTE = 87;

/**
 * Makes sealed logs of so many bytes for so many nodes, quickly: some megabytes of text are made and compressed, and
 * repeated under positions and times of their own.
 */
export async function makeLogs(
  directory: string,
  nodes: number,
  bytesPerNode: number,
): Promise<void> {
  const templates: { data: Buffer; packed: PackedBlocks }[] = [];
  for (let index = 0; index <= TEMPLATES; index++) {
    const prose = new ConsoleProse(index);
    const needle = index === TEMPLATES ? `[  812.123456] ${NEEDLE}\r\n` : "";
    const half = SEGMENT_BYTES / 2;
    const data = Buffer.from(`${prose.take(half)}${needle}${prose.take(half)}`);
    templates.push({ data, packed: packBlocks(data, entriesOf(data, 0, 1, 0)) });
  }
  const beganMicros = Date.now() * 1000 - bytesPerNode * MICROS_PER_BYTE;
  let sinceNeedle = NEEDLE_EVERY_BYTES / 2;
  for (let node = 0; node < nodes; node++) {
    const path = join(directory, `n${node + 1}`);
    await mkdir(path, { recursive: true });
    let position = 0;
    let line = 1;
    for (let segment = 0; position < bytesPerNode; segment++) {
      const holdsNeedle = sinceNeedle >= NEEDLE_EVERY_BYTES;
      if (holdsNeedle) sinceNeedle -= NEEDLE_EVERY_BYTES;
      const chosen = holdsNeedle ? TEMPLATES : (segment + node) % TEMPLATES;
      const { data, packed } = templates[chosen] as (typeof templates)[0];
      const micros = beganMicros + position * MICROS_PER_BYTE;
      const entries = entriesOf(data, position, line, micros);
      const contents = {
        entries,
        boots: [],
        source: { stream: "s", offset: entries.end },
        lost: 0,
      };
      writeSealed(path, contents, packBlocks(data, entries, packed));
      position = entries.end;
      line = entries.endLine;
      sinceNeedle += data.length;
    }
  }
}

function entriesOf(data: Buffer, first: number, line: number, micros: number): EntryTable {
  const entries = new EntryTable(first, line);
  for (let at = 0; at < data.length; at += RUN_BYTES) {
    const run = data.subarray(at, at + RUN_BYTES);
    entries.add(run.length, countLineFeeds(run), Math.round(micros + at * MICROS_PER_BYTE));
  }
  return entries;
}

export interface MeasuredSearch extends SearchStatistics {
  readonly hits: number;
  readonly firstHitMs: number;
  readonly allMs: number;
}

/** Opens all logs that {@link makeLogs} made. */
export async function openMadeLogs(directory: string, nodes: number): Promise<TestedLogs> {
  const logs = (await openConsoleLogs({
    directory,
    clock: systemClock,
    maxTotalBytes: 2 ** 40,
    keepFreeBytes: 0,
  })) as TestedLogs;
  for (let node = 1; node <= nodes; node++) await logs.open(`n${node}` as NodeId, BOUNDS);
  return logs;
}

/** Searches all of it, and says how long until the first hit and until the end. */
export async function measureSearch(logs: TestedLogs, query: SearchQuery): Promise<MeasuredSearch> {
  const beganMs = performance.now();
  let firstHitMs = Number.NaN;
  let hits = 0;
  let statistics: SearchStatistics = { blocks: 0, blocksRead: 0 };
  const search = logs.search(query, (done) => {
    statistics = done ?? statistics;
  });
  for await (const _ of search) {
    if (hits++ === 0) firstHitMs = performance.now() - beganMs;
  }
  return { ...statistics, hits, firstHitMs, allMs: performance.now() - beganMs };
}

/** How long each kind of replay takes until its last byte is there, in milliseconds. */
export async function measureReplay(
  logs: TestedLogs,
  node: string,
): Promise<{ lines: number; since: number; line: number; tail: number }> {
  const log = logs.logs.get(node as NodeId);
  if (!log) throw new RangeError(`there is no log of ${node}`);
  const timed = async (run: () => Promise<unknown>): Promise<number> => {
    const beganMs = performance.now();
    await run();
    return performance.now() - beganMs;
  };
  const read =
    (from: Parameters<typeof log.locate>[0], bytes = 65_536) =>
    async () => {
      const position = await log.locate(from);
      let left = bytes;
      for await (const item of log.read({ from: { position }, untilPosition: position + bytes })) {
        if (item.kind === "bytes") left -= item.bytes.length;
      }
      return left;
    };
  const middleMicros = (log.lastMicros ?? 0) - (log.next / 2) * MICROS_PER_BYTE;
  return {
    lines: await timed(read({ lastLines: 1000 }, 2 ** 20)),
    since: await timed(read({ sinceMicros: middleMicros })),
    line: await timed(read({ line: Math.floor(log.line / 3) })),
    tail: await timed(() => log.tail(65_536)),
  };
}

/**
 * Takes bytes into so many logs at so many bytes a second each, in batches as agents send them.
 * @returns processor seconds per second, sealing included
 */
export async function measureAppend(
  directory: string,
  options: { readonly nodes: number; readonly bytesPerSecond: number; readonly seconds: number },
): Promise<{ cores: number; takeMicros: number; lostBytes: number }> {
  const { nodes, bytesPerSecond, seconds } = options;
  const text = Buffer.from(new ConsoleProse(1).take(4 * 2 ** 20));
  const logs = await openMadeLogs(directory, nodes);
  const before = process.cpuUsage();
  const beganMs = performance.now();
  let takes = 0;
  let takingMs = 0;
  const taken = Array.from({ length: nodes }, () => 0);
  for (let goneMs = 0; goneMs < seconds * 1000; goneMs = performance.now() - beganMs) {
    const roundMs = performance.now();
    for (const [index, log] of [...logs.logs.values()].entries()) {
      const offset = taken[index] ?? 0;
      const length = Math.floor((goneMs / 1000) * bytesPerSecond) - offset;
      if (length <= 0) continue;
      const at = offset % (text.length - length);
      const bytes = text.subarray(at, at + length);
      log.take("s", [{ kind: "bytes", offset, atMicros: Date.now() * 1000, bytes }]);
      taken[index] = offset + length;
      takes++;
    }
    takingMs += performance.now() - roundMs;
    await new Promise((resolve) => setTimeout(resolve, 8));
  }
  const { user, system } = process.cpuUsage(before);
  const lostBytes = [...logs.logs.values()].reduce((sum, log) => sum + log.lostBytes, 0);
  await logs[Symbol.asyncDispose]();
  return {
    cores: (user + system) / 1e6 / seconds,
    takeMicros: (takingMs * 1000) / takes,
    lostBytes,
  };
}
