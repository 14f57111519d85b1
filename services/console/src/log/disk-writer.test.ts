import { describe, expect, it } from "vitest";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import type { SourcePosition } from "./console-log.js";
import { DiskWriter, RETRY_AFTER, STALLED_AFTER } from "./disk-writer.js";
import { WAITING_BYTES } from "./log-limits.js";
import { SegmentDoubt, type RawSegment } from "./raw-segment.js";

/** A disk that does what it is told: there is no real one that hangs or forgets on demand. */
class Disk {
  write: () => Promise<void> = () => Promise.resolve();
  sync: () => Promise<SourcePosition | undefined> = () =>
    Promise.resolve({ stream: "s", offset: 9 });
  isDirty = true;
  isSynced = false;
  waitingCost = WAITING_BYTES;
}

function writer(later: readonly Disk[] = []) {
  const disk = new Disk();
  const clock = new VirtualClock();
  const doubts: number[] = [];
  const told = { stored: 0, problems: [] as (string | undefined)[] };
  const one: DiskWriter = new DiskWriter(
    {
      node: "n1",
      raws: [disk, ...later] as unknown as RawSegment[],
      resumeAfterFailure: () => undefined,
      noteDoubt: (from) => doubts.push(from),
    },
    {
      clock,
      refusal: undefined,
      stored: () => told.stored++,
      problemChanged: () => told.problems.push(one.problem),
    },
  );
  return { disk, clock, doubts, told, one };
}

describe("a log's way to the disk", () => {
  it("lets nobody wait for a disk that hangs, and says so (P12)", async () => {
    const { disk, clock, told, one } = writer();
    const { promise, resolve } = Promise.withResolvers<void>();
    disk.write = () => promise;
    const writing = one.write();
    let isReleased = false;
    const waiting = one
      .until(() => one.failing || disk.waitingCost < WAITING_BYTES)
      .then(() => (isReleased = true));
    await clock.advance(STALLED_AFTER - 1);
    one.checkStall();
    expect(isReleased).toBe(false);
    await clock.advance(1);
    one.checkStall();
    await waiting;
    expect(one.problem).toMatch(/has not taken the log of n1 for ten seconds/);
    resolve();
    await writing;
    expect(one.problem).toBeUndefined();
    expect(told.problems.length).toBe(2);
  });

  it("tries again after a while, and not before", async () => {
    const { disk, clock, one } = writer();
    let tries = 0;
    disk.write = () => {
      tries++;
      return Promise.reject(Object.assign(new Error("no"), { code: "EIO" }));
    };
    await one.write();
    await one.write();
    expect(tries).toBe(1);
    expect(one.problem).toMatch(/cannot be written: EIO/);
    await clock.advance(RETRY_AFTER);
    disk.write = () => Promise.resolve();
    await one.write();
    expect(one.problem).toBeUndefined();
  });

  it("acknowledges what a sync has returned for, and doubts only what cannot be read again", async () => {
    const { disk, clock, doubts, told, one } = writer();
    await one.sync();
    expect(one.stored).toEqual({ stream: "s", offset: 9 });
    const syncedMicros = clock.now().getTime() * 1000;
    await clock.advance(5000);
    disk.sync = () => Promise.reject(Object.assign(new Error("no"), { code: "EIO" }));
    await one.sync();
    expect(doubts).toEqual([]);
    expect(one.stored?.offset).toBe(9);
    disk.sync = () => Promise.reject(new SegmentDoubt("gone"));
    await one.sync(true);
    expect(doubts).toEqual([syncedMicros]);
    expect(one.stored?.offset).toBe(9);
    expect(told.stored).toBe(1);
  });

  it("acknowledges nothing behind a segment that is not all on the disk (P8)", async () => {
    const later = new Disk();
    later.sync = () => Promise.resolve({ stream: "s", offset: 12 });
    const { disk, one } = writer([later]);
    await one.sync();
    expect(one.stored).toEqual({ stream: "s", offset: 9 });
    disk.isSynced = true;
    await one.sync();
    expect(one.stored).toEqual({ stream: "s", offset: 12 });
  });

  it("stops waiting when it is told to", async () => {
    const { one } = writer();
    const stop = new AbortController();
    const waiting = one.until(() => false, stop.signal);
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });
});
