import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { acquireInstanceLock, readLockHolder } from "./instance-lock.js";
import { Child } from "./testing/child.js";

const CHILD = fileURLToPath(new URL("testing/lock-child.js", import.meta.url));

describe("the lock of an instance", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "outrider-lock-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("is refused to a second process, which is told who has it", async () => {
    using lock = await acquireInstanceLock(dir, "power", "power 0.1.0 on host-a");
    expect(lock.name).toBe("power");
    await using second = Child.node(CHILD, [dir, "power"]);
    expect(await second.ended()).toBe(0);
    const since = readLockHolder(dir, "power")?.since ?? "nobody";
    expect(second.lines.join("\n")).toMatch(/^held /);
    expect(second.lines.join("\n")).toContain(
      `pid ${process.pid} since ${since} ("power 0.1.0 on host-a")`,
    );
  });

  it("is refused within one process too", async () => {
    using _ = await acquireInstanceLock(dir, "power", "first");
    await expect(acquireInstanceLock(dir, "power", "second")).rejects.toMatchObject({
      code: "held",
    });
    expect(readLockHolder(dir, "power")?.holder).toBe("first");
  });

  it("is free the moment its holder is killed, and the next holder puts its own name", async () => {
    await using first = Child.node(CHILD, [dir, "power"]);
    await first.said("held by me");
    await expect(acquireInstanceLock(dir, "power", "me")).rejects.toThrow(`pid ${first.pid} `);
    await first.kill("SIGKILL");
    using _ = await acquireInstanceLock(dir, "power", "me");
    expect(readLockHolder(dir, "power")).toMatchObject({ pid: process.pid, holder: "me" });
  });

  it("stays with a holder that is stopped", async () => {
    await using first = Child.node(CHILD, [dir, "power"]);
    await first.said("held by me");
    first.process.kill("SIGSTOP");
    await expect(acquireInstanceLock(dir, "power", "me")).rejects.toMatchObject({ code: "held" });
  });

  it("is given to exactly one of many that start together", async () => {
    await using started = new AsyncDisposableStack();
    const children = Array.from({ length: 5 }, () =>
      started.use(Child.node(CHILD, [dir, "power"])),
    );
    await Promise.all(children.map((child) => child.said("h")));
    expect(children.filter((child) => child.lines.includes("held by me"))).toHaveLength(1);
  });

  it("can be taken again after release; release is harmless twice; names do not touch each other", async () => {
    const first = await acquireInstanceLock(dir, "power", "a");
    using _ = await acquireInstanceLock(dir, "inventory", "b");
    first.release();
    expect(readLockHolder(dir, "power")).toBeUndefined();
    using second = await acquireInstanceLock(dir, "power", "c");
    first.release();
    await expect(acquireInstanceLock(dir, "power", "d")).rejects.toMatchObject({ code: "held" });
    second.release();
  });

  it("is not lost when nobody keeps the lock object and garbage is collected", async () => {
    await using first = new Child(process.execPath, ["--expose-gc", CHILD, dir, "power"]);
    await first.said("held by me");
    await expect(acquireInstanceLock(dir, "power", "me")).rejects.toMatchObject({ code: "held" });
  });

  it("is refused with the same words when the holder file is gone or nonsense", async () => {
    using _ = await acquireInstanceLock(dir, "power", "a");
    for (const text of ["", "{", "null", '{"pid":"x"}']) {
      await writeFile(join(dir, "power.holder.json"), text);
      await expect(acquireInstanceLock(dir, "power", "b")).rejects.toMatchObject({ code: "held" });
    }
  });

  it("cannot be named after a path", async () => {
    await expect(acquireInstanceLock(dir, "../power", "a")).rejects.toMatchObject({
      code: "programming",
    });
  });

  it.skipIf(process.getuid?.() === 0)("in a directory that cannot be written is io", async () => {
    await chmod(dir, 0o500);
    await expect(acquireInstanceLock(dir, "power", "a")).rejects.toMatchObject({ code: "io" });
    await chmod(dir, 0o700);
  });

  it("in a directory that cannot be made is io", async () => {
    await writeFile(join(dir, "file"), "");
    await expect(acquireInstanceLock(join(dir, "file"), "power", "a")).rejects.toMatchObject({
      code: "io",
    });
  });
});
