import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  COMMON,
  NEEDLE,
  makeLogs,
  measureAppend,
  measureReplay,
  measureSearch,
  openMadeLogs,
} from "./log-bench.js";

/** `node log-bench-main.js [nodes] [GiB per node]`: prints what logs cost here, as JSON. */
const [nodes = "10", gibibytes = "1"] = process.argv.slice(2);
const directory = await mkdtemp(join(tmpdir(), "console-log-bench-"));
try {
  const print = (what: string, value: unknown): void =>
    console.log(JSON.stringify({ [what]: value }));
  const made = performance.now();
  await makeLogs(directory, Number(nodes), Number(gibibytes) * 2 ** 30);
  print("madeMs", performance.now() - made);
  const openedMs = performance.now();
  const logs = await openMadeLogs(directory, Number(nodes));
  print("openMs", performance.now() - openedMs);
  print("replayMs", await measureReplay(logs, "n1"));
  print("replayAgainMs", await measureReplay(logs, "n1"));
  for (const query of [
    { query: "under-voltage" },
    { query: NEEDLE.slice(0, 30) },
    { regex: "Under-?voltage detected" },
    { regex: "hwmon\\d: .*detected", limit: 5 },
    { query: COMMON },
    { query: "no such text anywhere" },
  ]) {
    print(JSON.stringify(query), await measureSearch(logs, query));
  }
  await logs[Symbol.asyncDispose]();
  const appended = join(directory, "appended");
  for (const bytesPerSecond of [11_500, 150_000]) {
    print(
      `append48x${bytesPerSecond}`,
      await measureAppend(appended, { nodes: 48, bytesPerSecond, seconds: 10 }),
    );
    await rm(appended, { recursive: true });
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
