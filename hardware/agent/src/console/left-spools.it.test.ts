import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@outrider/contracts/clock";
import { endpointId } from "@outrider/contracts/ids";
import { silentLog } from "@outrider/messaging/log";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { afterEach, beforeEach, expect, test } from "vitest";
import { logWith } from "../log.js";
import { DONE_KEPT_MS, LEFT_KEPT_MS, Spools } from "./spools.js";

const [n1, n2, n3] = ["n1", "n2", "n3"].map((node) => endpointId(node, "console")) as [
  ReturnType<typeof endpointId>,
  ReturnType<typeof endpointId>,
  ReturnType<typeof endpointId>,
];

let directory: TempDir;
let spools: Spools;
beforeEach(async () => {
  directory = await tempDir();
  spools = await Spools.open({
    dataDirectory: directory.path,
    limitBytes: 1_048_576,
    clock: systemClock,
    log: logWith(silentLog, {}),
  });
});
afterEach(async () => {
  await spools[Symbol.asyncDispose]();
  await directory.remove();
});

const folders = async (): Promise<string[]> => {
  const entries = await readdir(join(directory.path, "console"), { withFileTypes: true });
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).toSorted();
};

/** All in a folder was written so long ago, and a minute. */
async function age(folder: string, ms: number): Promise<void> {
  const path = join(directory.path, "console", folder);
  const at = (Date.now() - ms) / 1000 - 60;
  for (const name of await readdir(path)) await utimes(join(path, name), at, at);
  await utimes(path, at, at);
}

test("a spool of a console that is not here any more goes once the service has all of it", async () => {
  const one = await spools.open(n1);
  const two = await spools.open(n2);
  await spools.open(n3);
  for (const spool of [one, two]) {
    spool.append(Buffer.from("said"));
    await spool[Symbol.asyncDispose]();
  }
  one.acknowledge(one.next);
  await spools.keepOnly([n3]);
  expect(await folders()).toEqual([n1, n2, n3]);
  for (const endpoint of [n1, n2, n3]) await age(endpoint, DONE_KEPT_MS);
  await spools.keepOnly([n1, n2, n3]);
  expect(await folders()).toEqual([n1, n2, n3]);
  await spools.keepOnly([n3]);
  expect(await folders()).toEqual([n2, n3]);
  // What the service never took is kept for a while, and found again by whoever comes back.
  const again = await spools.open(n2);
  expect(again.stream).toBe(two.stream);
});

test("what the service never took goes once it is too old, and nothing else that lies there", async () => {
  for (const name of [n1, `${n1}.unreadable`, n2, n3, "something else"]) {
    const path = join(directory.path, "console", name);
    await mkdir(path, { recursive: true });
    await writeFile(join(path, "0.spool"), "bytes");
    await age(name, name === n2 ? LEFT_KEPT_MS / 2 : LEFT_KEPT_MS);
  }
  await spools.keepOnly([n3]);
  expect(await folders()).toEqual([n2, n3, "something else"]);
});

test("a console that is wanted again while spools are let go has its spool", async () => {
  const one = await spools.open(n1);
  one.append(Buffer.from("said"));
  await one[Symbol.asyncDispose]();
  one.acknowledge(one.next);
  await age(n1, DONE_KEPT_MS);
  const tidied = spools.keepOnly([]);
  const again = await spools.open(n1);
  await tidied;
  again.append(Buffer.from("more"));
  await again[Symbol.asyncDispose]();
  expect(await folders()).toEqual([n1]);
});
