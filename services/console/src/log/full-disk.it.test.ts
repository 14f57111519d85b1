import { execFileSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { requireMount } from "@outrider/testing/peers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Feeder, LogFixture, NODE, WIDE, itemsOf, joined } from "../testing/log-fixture.js";
import { knownBytes } from "../testing/known-bytes.js";
import { RETRY_AFTER } from "./disk-writer.js";
import { WAITING_BYTES } from "./log-limits.js";

const MIB = 1024 * 1024;

let fixture: LogFixture;
let disk: string;
beforeEach(async () => {
  fixture = await LogFixture.make();
  disk = join(fixture.directory, "disk");
  await mkdir(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]);
});
afterEach(async () => {
  await fixture[Symbol.asyncDispose]().catch(() => undefined);
  execFileSync("umount", [disk]);
  await fixture[Symbol.asyncDispose]();
});

describe.runIf(requireMount())("a log whose disk is full", () => {
  it("goes on when there is room, and has counted what it left out to the byte (P12)", async () => {
    const logs = await fixture.open({ directory: disk });
    const problems: (string | undefined)[] = [];
    logs.onProblem((changed) => problems.push(changed.problem));
    const log = await logs.open(NODE, WIDE);
    const feeder = new Feeder(log);
    const pour = (bytes: number): void => {
      for (let left = bytes; left > 0; left -= 16_384) {
        feeder.feed(knownBytes(feeder.offset, 16_384));
      }
    };
    pour(MIB / 2);
    await logs.flush();
    expect(log.problem).toBeUndefined();
    const safe = log.stored?.offset ?? 0;
    expect(safe).toBe(MIB / 2);

    pour(MIB);
    await logs.flush();
    expect(log.problem).toMatch(/disk is full.*Free space.*OUTRIDER_CONSOLE_LOG_BYTES/);
    expect(log.stored?.offset).toBe(safe);
    // Nobody waits for a disk that takes nothing, and whoever reads sees the present.
    expect(log.room).toBe(true);
    await log.hasRoom();
    pour(WAITING_BYTES + 2 * MIB);
    expect(log.lostBytes).toBeGreaterThan(MIB);
    expect((await log.tail(10)).length).toBe(10);

    execFileSync("mount", ["-o", "remount,size=64m", disk]);
    await fixture.clock.advance(RETRY_AFTER);
    await logs.flush();
    await logs.flush();
    expect(log.problem).toBeUndefined();
    expect(problems.length).toBe(2);
    pour(MIB);
    await logs.flush();
    expect(log.stored?.offset).toBe(feeder.offset);
    await fixture.close(logs);

    const again = await (await fixture.open({ directory: disk })).open(NODE, WIDE);
    const items = await itemsOf(again);
    const gaps = items.filter((item) => item.kind === "gap");
    expect(gaps).toMatchObject([{ reason: "log-failed" }]);
    const [gap] = gaps;
    const lost = gap?.lost ?? 0;
    const before = knownBytes(0, gap?.position ?? 0);
    const after = knownBytes(before.length + lost, feeder.offset - before.length - lost);
    expect(joined(items).equals(Buffer.concat([before, after]))).toBe(true);
    expect(again.lostBytes).toBe(lost);
  });

  it("acknowledges nothing over what it left out before that is written down (P8)", async () => {
    let logs = await fixture.open({ directory: disk });
    const feeder = new Feeder(await logs.open(NODE, WIDE));
    for (let part = 0; part < WAITING_BYTES / MIB + 2; part++) {
      feeder.feed(knownBytes(feeder.offset, MIB));
    }
    await logs.flush();
    expect(feeder.log.lostBytes).toBeGreaterThan(0);
    // The service ends while the disk is full: the source still has everything after what is in the log.
    await fixture.close(logs);
    execFileSync("mount", ["-o", "remount,size=64m", disk]);
    logs = await fixture.open({ directory: disk });
    const log = await logs.open(NODE, WIDE);
    const offset = log.source?.offset ?? 0;
    expect(offset).toBe(log.next);
    const rest = knownBytes(offset, feeder.offset - offset);
    for (let at = 0; at < rest.length; at += MIB) {
      const bytes = rest.subarray(at, at + MIB);
      log.take("s", [{ kind: "bytes", offset: offset + at, atMicros: feeder.micros, bytes }]);
      await logs.flush();
    }
    const items = await itemsOf(log);
    expect(joined(items).equals(knownBytes(0, feeder.offset))).toBe(true);
  });

  it("asks again for what it left out, shows it nobody twice, and marks only what is gone (P12)", async () => {
    const logs = await fixture.open({ directory: disk });
    const log = await logs.open(NODE, WIDE);
    const behind: unknown[] = [];
    log.onBehind(() => behind.push(log.source));
    const feeder = new Feeder(log);
    for (let part = 0; part < WAITING_BYTES / MIB + 3; part++) {
      feeder.feed(knownBytes(feeder.offset, MIB));
    }
    await logs.flush();
    expect(log.lostBytes).toBeGreaterThan(MIB);
    expect(behind).toEqual([]);
    execFileSync("mount", ["-o", "remount,size=64m", disk]);
    await fixture.clock.advance(RETRY_AFTER);
    await logs.flush();
    const kept = log.next;
    expect(behind).toEqual([{ stream: "s", offset: kept }]);
    expect(log.lostBytes).toBe(0);
    // Its agent has all but the first bytes of it, and goes on.
    const { offset } = feeder;
    const micros = feeder.micros;
    const gap = {
      kind: "gap",
      reason: "spool-overflow",
      fromMicros: micros,
      toMicros: micros,
    } as const;
    const rest = knownBytes(kept + 100, offset - kept - 100 + 50);
    const shown = log.take("s", [
      { ...gap, offset: kept + 100, lost: 100 },
      { kind: "bytes", offset: kept + 100, atMicros: micros, bytes: rest },
      { kind: "bytes", offset: offset + 50, atMicros: micros, bytes: knownBytes(offset + 50, 9) },
    ]);
    expect(joined(shown).equals(knownBytes(offset, 59))).toBe(true);
    expect(shown.filter(({ kind }) => kind === "gap")).toHaveLength(1);
    await logs.flush();
    expect(log.stored?.offset).toBe(offset + 59);
    const items = await itemsOf(log);
    expect(items.filter(({ kind }) => kind === "gap")).toMatchObject([{ lost: 100 }]);
    const all = Buffer.concat([knownBytes(0, kept), rest, knownBytes(offset + 50, 9)]);
    expect(joined(items).equals(all)).toBe(true);
    expect(log.lostBytes).toBe(100);
  });

  it("leaves the rest of a disk to others", async () => {
    execFileSync("mount", ["-o", "remount,size=16m", disk]);
    const logs = await fixture.open({ directory: disk, keepFreeBytes: 12 * MIB });
    const log = await logs.open(NODE, WIDE);
    const feeder = new Feeder(log);
    for (let written = 0; written < 8 * MIB && !log.problem; written += MIB) {
      feeder.feed(knownBytes(feeder.offset, MIB));
      await fixture.clock.advance(5100);
      await logs.flush();
    }
    expect(log.problem).toMatch(/are not written below 12 MiB/);
    expect(log.bytesOnDisk).toBeLessThan(6 * MIB);
  });
});
