import { rename } from "node:fs/promises";
import { join } from "node:path";
import { consoleState } from "@outrider/contracts/console";
import {
  COMMON,
  makeLogs,
  measureSearch,
  NEEDLE,
  openMadeLogs,
} from "@outrider/console-service/testing/log-bench";
import { tempDir } from "@outrider/testing/temp-dir";
import { Lines, nodeOf } from "../consoles/lines.js";
import { Deployment } from "../deployment.js";
import { attachMs } from "./console-outrider.js";
import { figure, table } from "./markdown.js";
import { spread } from "./statistics.js";

export interface ConsoleLogsPlan {
  readonly searchGib: number;
  readonly attaches: number;
}

const GIB = 2 ** 30;

export async function measureConsoleLogs(plan: ConsoleLogsPlan): Promise<string> {
  return [await attaches(plan.attaches), await searches(plan.searchGib)].join("\n\n");
}

/** From asking for a console with a gibibyte of log to its last replayed byte, through the gateway. */
async function attaches(count: number): Promise<string> {
  await using lines = await Lines.start(1, () => ({}));
  await using lab = await Deployment.start({ nodes: lines.nodes(), gateway: true });
  const up = (after: number): Promise<unknown> =>
    lab.bus.next(consoleState, { node: nodeOf(0) }, ({ link }) => link.value === "Up", after);
  await up(0);
  await lab.console.stop();
  const logs = join(lab.data, "console");
  await rename(join(logs, nodeOf(0)), join(logs, "before"));
  await makeLogs(logs, 1, GIB);
  await rename(join(logs, "n1"), join(logs, nodeOf(0)));
  const mark = lab.bus.mark();
  await lab.console.start();
  await up(mark);
  const rest = await lab.rest();
  const rows: string[][] = [];
  for (const replay of ["none", "screen", "lines:200", "lines:1000"]) {
    const taken: number[] = [];
    let bytes = 0;
    for (let at = 0; at < count; at++) {
      const one = await attachMs(rest, nodeOf(0), replay);
      taken.push(one.tookMs);
      bytes = one.bytes;
    }
    const { p50, max } = spread(taken);
    rows.push([`\`${replay}\``, figure(bytes), figure(p50), figure(max)]);
  }
  return `Attaching by WebSocket to a console with 1 GiB of log, until all of its replay is there (the aim is 200 ms):\n\n${table(
    ["replay", "bytes", "p50 ms", "max ms"],
    rows,
  )}`;
}

async function searches(gib: number): Promise<string> {
  await using folder = await tempDir("search-");
  await makeLogs(folder.path, gib, GIB);
  const logs = await openMadeLogs(folder.path, gib);
  try {
    const rows: string[][] = [];
    for (const [what, query] of [
      ["a rare text", { query: NEEDLE.slice(0, 30) }],
      ["the same as an expression", { regex: "Undervoltage .*!" }],
      ["what is not there", { query: "no such text anywhere" }],
      ["a text in every segment, 1,000 lines", { query: COMMON, limit: 1000 }],
    ] as const) {
      const { hits, firstHitMs, allMs } = await measureSearch(logs, query);
      const first = Number.isNaN(firstHitMs) ? "" : figure(firstHitMs);
      rows.push([what, figure(hits), first, figure(allMs)]);
    }
    return `Search over ${gib} GiB of logs of ${gib} nodes:\n\n${table(
      ["for", "lines found", "first ms", "all ms"],
      rows,
    )}`;
  } finally {
    await logs[Symbol.asyncDispose]();
  }
}
