import { open, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { contentOf, Feeder, itemsOf, LogFixture, NODE, WIDE } from "../testing/log-fixture.js";
import { RETRY_AFTER } from "./disk-writer.js";

let fixture: LogFixture;
let path: string;
beforeEach(async () => {
  fixture = await LogFixture.make();
  path = join(fixture.directory, NODE, "0000000000000000.bytes");
});
afterEach(async () => {
  vi.restoreAllMocks();
  await fixture[Symbol.asyncDispose]();
});

/** The next sync of a file fails, as a disk that goes away for a moment makes it. */
async function failOnce(): Promise<void> {
  const handle = await open(fixture.directory, "r");
  const type = Object.getPrototypeOf(handle) as { datasync(): Promise<void> };
  await handle.close();
  const error = Object.assign(new Error("input/output error"), { code: "EIO" });
  vi.spyOn(type, "datasync").mockRejectedValueOnce(error);
}

it("what a failed sync may have lost is written again before the next one vouches for it (P8)", async () => {
  const logs = await fixture.open();
  const log = await logs.open(NODE, WIDE);
  const feeder = new Feeder(log);
  feeder.feed("safe ");
  await logs.flush();
  feeder.feed("in doubt ");
  await failOnce();
  await logs.flush();
  expect(log.problem).toMatch(/EIO/);
  expect(log.stored?.offset).toBe(5);
  feeder.feed("later");
  await utimes(path, 1, 1);
  await fixture.clock.advance(RETRY_AFTER);
  await logs.flush();
  expect(log.problem).toBeUndefined();
  expect(log.stored?.offset).toBe(feeder.offset);
  expect((await stat(path)).mtimeMs).toBeGreaterThan(1000);
  expect((await itemsOf(log)).filter(({ kind }) => kind === "gap")).toEqual([]);
  expect(await contentOf(log)).toBe("safe in doubt later");
});

it("what cannot be read again is marked", async () => {
  const logs = await fixture.open();
  const log = await logs.open(NODE, WIDE);
  const feeder = new Feeder(log);
  feeder.feed("safe ");
  await logs.flush();
  feeder.feed("in doubt ");
  await failOnce();
  await logs.flush();
  const file = await open(path, "r+");
  await file.write(Buffer.alloc(4), 0, 4, 6);
  await file.close();
  for (let time = 0; time < 2; time += 1) {
    await fixture.clock.advance(RETRY_AFTER);
    await logs.flush();
  }
  expect(log.problem).toBeUndefined();
  const gaps = (await itemsOf(log)).filter(({ kind }) => kind === "gap");
  expect(gaps).toMatchObject([{ reason: "log-lost", lost: undefined }]);
});
