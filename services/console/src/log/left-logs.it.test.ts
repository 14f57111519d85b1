import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@outrider/contracts/clock";
import { nodeId, type NodeId } from "@outrider/contracts/ids";
import { silentLog } from "@outrider/messaging/log";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, expect, it } from "vitest";
import { LeftLogs } from "./left-logs.js";

const DAY_MS = 86_400_000;

let directory: TempDir;
let declared: Set<NodeId>;
let left: LeftLogs;
beforeEach(async () => {
  directory = await tempDir();
  declared = new Set();
  left = new LeftLogs({
    directory: directory.path,
    clock: systemClock,
    log: silentLog,
    isDeclared: (node) => declared.has(node),
  });
});
afterEach(() => directory.remove());

async function log(node: string, ageDays: number): Promise<void> {
  const path = join(directory.path, node);
  await mkdir(path, { recursive: true });
  const at = (Date.now() - ageDays * DAY_MS) / 1000;
  for (const [name, age] of [
    ["0000000000000000.zst", at - 1e6],
    ["0000000000001000.bytes", at],
  ] as const) {
    await writeFile(join(path, name), "12345");
    await utimes(join(path, name), age, age);
  }
}

it("logs of nodes that have left are told, and go at the age that held for them", async () => {
  await log("n1", 400);
  await log("n2", 89);
  await log("n3", 91);
  await log("n4", 8);
  await log("n5", 6);
  declared.add(nodeId("n1"));
  await left.left(nodeId("n4"), 7 * DAY_MS);
  await left.left(nodeId("n5"), 7 * DAY_MS);
  await left.look();
  expect((await readdir(directory.path)).toSorted()).toEqual(["n1", "n2", "n5"]);
  expect(left.list.map(({ node, bytes }) => [node, bytes])).toEqual([
    ["n2", 10],
    ["n5", 10],
  ]);
  const inDays = ((left.list[1]?.until.getTime() ?? 0) - Date.now()) / DAY_MS;
  expect(Math.round(inDays)).toBe(1);
});

it("what else lies there stays, as captures do", async () => {
  await log("n1", 400);
  await mkdir(join(directory.path, "n1", "captures"));
  await mkdir(join(directory.path, "n2"));
  await writeFile(join(directory.path, "alive"), "");
  await left.look();
  expect((await readdir(directory.path)).toSorted()).toEqual(["alive", "n1", "n2"]);
  expect(await readdir(join(directory.path, "n1"))).toEqual(["captures"]);
  expect(left.list).toEqual([]);
});
