import type { NodeId } from "@outrider/contracts/ids";
import { milliseconds } from "@outrider/contracts/clock";
import { eventually } from "@outrider/testing/eventually";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Feeder, LogFixture, WIDE } from "../testing/log-fixture.js";
import type { ConsoleLog } from "./console-log.js";

let fixture: LogFixture;
beforeEach(async () => {
  fixture = await LogFixture.make();
});
afterEach(() => fixture[Symbol.asyncDispose]());

it("writes all logs ten times a second, and never all of them in one turn", async () => {
  const logs = await fixture.open();
  const all: ConsoleLog[] = [];
  for (let node = 0; node < 20; node++) all.push(await logs.open(`n${node}` as NodeId, WIDE));
  const feeders = all.map((log) => new Feeder(log));
  for (const feeder of feeders) feeder.feed(Buffer.from("hello"));
  // The first turn of each second also brings all of them to the disk, one after the other.
  await fixture.clock.advance(milliseconds(10));
  await eventually("all are on the disk", () => all.every(({ stored }) => stored) || undefined);
  for (const feeder of feeders) feeder.feed(Buffer.from("again"));
  const before = all.map(({ bytesOnDisk }) => bytesOnDisk);
  const written = (): number =>
    all.filter(({ bytesOnDisk }, at) => bytesOnDisk > (before[at] ?? 0)).length;
  for (let turn = 1; turn <= 10; turn++) {
    await fixture.clock.advance(milliseconds(10));
    await eventually("its share is written", () => written() >= 2 * turn || undefined);
    expect(written()).toBe(2 * turn);
  }
});
