import { StorageError, type StorageErrorCode } from "@outrider/storage/storage-error";
import { openStorage } from "@outrider/storage/open-storage";
import { tempDir } from "@outrider/testing/temp-dir";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { join } from "node:path";
import type { Storage } from "@outrider/storage/storage";
import { Health } from "./health.js";
import { WatchedStorage } from "./watched-storage.js";

const MIGRATIONS = {
  namespace: "h",
  steps: [{ id: 1, name: "h", sql: "CREATE TABLE h_row (id INTEGER PRIMARY KEY)" }],
};

describe("the health of a service", () => {
  let stack: AsyncDisposableStack;
  let clock: VirtualClock;
  let real: Storage;
  let fails: StorageErrorCode | undefined;
  let health: Health;
  let storage: WatchedStorage;
  let certain = true;
  const told: string[] = [];
  const fatal: unknown[] = [];

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    const folder = stack.use(await tempDir());
    real = stack.use(
      await openStorage({ file: join(folder.path, "h.sqlite"), migrations: MIGRATIONS }),
    );
    clock = new VirtualClock();
    fails = undefined;
    certain = true;
    told.length = 0;
    health = new Health({
      service: "boot",
      version: "1",
      clock,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      brokerConnected: () => true,
      certain: () => certain,
      changed: () => told.push(health.state),
    });
    stack.defer(() => health.stop());
    // A real store whose disk fails when the test says so.
    const unsteady: Storage = Object.assign(Object.create(real) as Storage, {
      write: (...args: Parameters<Storage["write"]>) =>
        fails ? Promise.reject(new StorageError(fails, "the disk fails")) : real.write(...args),
    });
    fatal.length = 0;
    storage = new WatchedStorage(
      "h",
      unsteady,
      () => health.update(),
      (error) => fatal.push(error),
    );
    health.watch(storage);
  });
  afterEach(() => stack.disposeAsync());

  const write = (id = 1): Promise<boolean> =>
    storage.write([{ sql: "INSERT INTO h_row (id) VALUES (?)", params: [id] }]).then(
      () => true,
      () => false,
    );

  it("is degraded when the store fails three times in a row, and ready when it works again", async () => {
    fails = "full";
    await write();
    await write();
    expect(health.state).toBe("ready");
    await write();
    expect(health.report()).toMatchObject({
      state: "degraded",
      storage: { h: "failing" },
      reasons: [expect.stringContaining("full: the disk fails") as string],
    });
    fails = undefined;
    expect(await write()).toBe(true);
    expect(health.report()).toMatchObject({ state: "ready", reasons: [], storage: { h: "ok" } });
    expect(told).toEqual(["degraded", "ready"]);
  });

  it.each(["held", "unknown"] as const)("ends the process after %s", async (code) => {
    fails = code;
    await write();
    expect(fatal).toEqual([expect.objectContaining({ code })]);
  });

  it("does not mind what the store refuses with reason", async () => {
    await write(1);
    for (let n = 0; n < 5; n += 1) expect(await write(1)).toBe(false);
    expect(health.state).toBe("ready");
    expect(fatal).toEqual([]);
  });

  it("is degraded while nobody knows whether this is the active instance", async () => {
    certain = false;
    await clock.advance(1_000);
    expect(health.state).toBe("degraded");
    certain = true;
    await clock.advance(1_000);
    expect(told).toEqual(["degraded", "ready"]);
  });
});
