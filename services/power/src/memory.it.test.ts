import { join } from "node:path";
import { commandId, nodeId } from "@outrider/contracts/ids";
import type { NodeLock } from "@outrider/contracts/lock";
import { silentLog } from "@outrider/messaging/log";
import { openStorage } from "@outrider/storage/open-storage";
import type { Storage } from "@outrider/storage/storage";
import { StorageError } from "@outrider/storage/storage-error";
import { eventually } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Draws } from "./draws.js";
import { MIGRATIONS } from "./journal.js";
import { Locks } from "./locks.js";
import { Memory } from "./memory.js";
import { Policies } from "./policies.js";

const node = nodeId("n1");
const at = "2026-01-01T00:00:00.000Z";
const until = "2026-01-01T00:10:00.000Z";
const held: NodeLock = {
  fence: 3,
  waiting: 0,
  held: { lock: commandId("l1"), holder: "person:ada", since: at, until },
};

describe("the memory of the power service", () => {
  let folder: TempDir;
  let storage: Storage;
  const clock = new VirtualClock();

  beforeEach(async () => {
    folder = await tempDir();
    storage = await openStorage({
      file: join(folder.path, "power.sqlite"),
      migrations: { namespace: "power", steps: MIGRATIONS },
    });
  });

  afterEach(async () => {
    await storage.close();
    await folder.remove();
  });

  async function begin(store = storage) {
    const locks = new Locks(clock, { onDisconnect: () => () => undefined });
    const policies = new Policies();
    const draws = new Draws(policies);
    const memory = new Memory({ storage: store, clock, log: silentLog, policies, locks, draws });
    await memory.load();
    return { locks, memory };
  }

  it("keeps a lock as soon as it is heard, and a process that begins then knows it (P6)", async () => {
    const { locks, memory } = await begin();
    locks.take(node, { fence: 2, waiting: 0 });
    locks.take(node, held);
    // The clock stands still: nothing waits for its next tick.
    await eventually("the lock is kept", async () => {
      const rows = await storage.all<{ document: string }>("SELECT document FROM power_lock");
      return rows.length === 1 && rows[0]?.document === JSON.stringify(held);
    });
    const next = await begin();
    expect(next.locks.judge(node, "person:bob")?.reasonCode).toBe("locked");
    expect(next.locks.fence(node)).toBe(3);
    await next.memory.stop();
    await memory.stop();
  });

  it("keeps a lock also where the store was busy when it was heard", async () => {
    let attempts = 0;
    const busy = Object.create(storage) as Storage;
    busy.all = (...query: Parameters<Storage["all"]>) => storage.all(...query) as never;
    busy.get = (...query: Parameters<Storage["get"]>) => storage.get(...query) as never;
    busy.write = (statements) =>
      attempts++ === 0
        ? Promise.reject(new StorageError("busy", "somebody else writes"))
        : storage.write(statements);
    const { locks, memory } = await begin(busy);
    locks.take(node, held);
    await eventually("it was tried", () => attempts === 1);
    await memory.stop();
    expect(await storage.all("SELECT document FROM power_lock")).toHaveLength(1);
  });
});
