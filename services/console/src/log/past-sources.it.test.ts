import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  bytesAt,
  contentOf,
  itemsOf,
  LogFixture,
  NODE,
  START_MICROS,
  WIDE,
} from "../testing/log-fixture.js";

let fixture: LogFixture;
beforeEach(async () => {
  fixture = await LogFixture.make();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const at = START_MICROS;

it("a console that moves to another agent and back takes nothing twice, also over restarts (P8)", async () => {
  let logs = await fixture.open();
  let log = await logs.open(NODE, WIDE);
  log.take("a", [bytesAt(0, at, "first ")]);
  log.take("b", [bytesAt(0, at + 1000, "elsewhere ")]);
  expect(log.sourceOf("a")).toBe(6);
  expect(log.sourceOf("c")).toBeUndefined();
  await logs.flush();
  await fixture.close(logs);
  logs = await fixture.open();
  log = await logs.open(NODE, WIDE);
  expect(log.sourceOf("a")).toBe(6);
  expect(log.sourceOf("b")).toBe(10);
  // The agent has all it ever read, and a gap from the time in which the console was not its own.
  log.take("a", [
    bytesAt(0, at, "first "),
    {
      kind: "gap",
      offset: 7,
      lost: undefined,
      reason: "agent-down",
      fromMicros: at,
      toMicros: at + 2000,
    },
    bytesAt(7, at + 2000, "back "),
  ]);
  log.take("b", [bytesAt(10, at + 3000, "again")]);
  expect(await contentOf(log)).toBe("first elsewhere back again");
  const gaps = (await itemsOf(log)).filter(({ kind }) => kind === "gap");
  expect(gaps).toHaveLength(2);
  expect(log.sourceOf("a")).toBe(12);
  await logs.flush();
  await fixture.close(logs);
});

it("a log that was killed before it was in another source goes on where its index says", async () => {
  const logs = await fixture.open();
  const log = await logs.open(NODE, WIDE);
  log.take("a", [bytesAt(0, at, "kept ")]);
  await logs.flush();
  await writeFile(join(fixture.directory, NODE, "sources.json"), '[["a",99],["b",3],["c"]]');
  const copy = await fixture.copy();
  const again = await (await fixture.open({ directory: copy })).open(NODE, WIDE);
  expect(again.sourceOf("a")).toBe(5);
  expect(again.sourceOf("b")).toBe(3);
  await writeFile(join(fixture.directory, NODE, "sources.json"), "{");
  const torn = await (await fixture.open({ directory: await fixture.copy() })).open(NODE, WIDE);
  expect(torn.sourceOf("a")).toBe(5);
});
