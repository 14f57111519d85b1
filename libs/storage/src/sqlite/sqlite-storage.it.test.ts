import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openStorage } from "../open-storage.js";
import type { Statement, Storage } from "../storage.js";
import { storageSuite } from "../testing/storage-suite.js";
import { oneThreadUnderTest, underTest } from "../testing/sqlite-under-test.js";
import { SUITE_MIGRATIONS } from "../testing/storage-under-test.js";

storageSuite(underTest);
storageSuite(oneThreadUnderTest);

/** A read that takes long: some three million rows to add up. */
const SLOW_READ = countingTo(3_000_000).replace(/SELECT n FROM up$/, "SELECT SUM(n) AS n FROM up");

describe("SQLite storage", () => {
  let dir: string;
  let file: string;
  let storage: Storage;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "outrider-sqlite-"));
    file = join(dir, "deep", "er", "store.db");
    storage = await openStorage({ file, migrations: SUITE_MIGRATIONS });
  });
  afterEach(async () => {
    await storage.close();
    await rm(dir, { recursive: true });
  });

  it("commits fifty transactions that are called together once", async () => {
    await Promise.all(Array.from({ length: 50 }, (_, n) => storage.write([entry(n)])));
    expect(storage.stats()).toEqual({
      commits: 1,
      transactions: 50,
      failed: 0,
      largestGroup: 50,
      pending: 0,
    });
  });

  it("commits those that arrive during a commit in the next one", async () => {
    const first = storage.write([entry(0)]);
    // The first is with the database now; the rest comes in dribs and drabs before it can be back.
    const rest: Promise<unknown>[] = [];
    for (let n = 1; n <= 20; n += 1) {
      await Promise.resolve();
      rest.push(storage.write([entry(n)]));
    }
    expect(storage.stats().pending).toBe(21);
    await Promise.all([first, ...rest]);
    expect(storage.stats()).toMatchObject({ commits: 2, transactions: 21 });
  });

  it("flushes each commit and keeps foreign keys, in WAL mode", async () => {
    expect([
      await pragma(storage, "journal_mode"),
      await pragma(storage, "synchronous"),
      await pragma(storage, "foreign_keys"),
    ]).toEqual(["wal", 2, 1]);
  });

  it("neither a commit nor the event loop waits for a long read", async () => {
    const order: string[] = [];
    let turns = 0;
    const read = storage.all(SLOW_READ).then(() => order.push("read"));
    while (order.length === 0 && turns < 100) {
      await new Promise((resolve) => setImmediate(resolve));
      turns += 1;
    }
    for (let n = 0; n < 10; n += 1) await storage.write([entry(n)]);
    order.push("written");
    await read;
    expect(order).toEqual(["written", "read"]);
    expect(turns).toBe(100);
  });

  it("has one thread where that is asked for, and takes reads in their turn there", async () => {
    const threads = (): number => readdirSync("/proc/self/task").length;
    await storage.close();
    storage = await openStorage({ file, migrations: SUITE_MIGRATIONS, oneThread: true });
    await storage.write([entry(1)]);
    const before = threads();
    const order: string[] = [];
    const read = storage.all(SLOW_READ).then(() => order.push("read"));
    await storage.write([entry(2)]);
    order.push("written");
    await read;
    expect(order).toEqual(["read", "written"]);
    expect(threads()).toBe(before);
    await expect(storage.all("DELETE FROM suite_entry RETURNING id")).rejects.toMatchObject({
      code: "programming",
    });
    await expect(storage.all(countingTo(1_000_000_000))).rejects.toMatchObject({
      code: "programming",
    });
    expect(await storage.get("SELECT COUNT(*) AS n FROM suite_entry")).toEqual({ n: 2 });
  });

  it("refuses a read of more rows than fit in memory, and goes on reading", async () => {
    await expect(storage.all(countingTo(1_000_000_000))).rejects.toMatchObject({
      code: "programming",
    });
    expect(await storage.all(countingTo(100_000))).toHaveLength(100_000);
  });

  it("leaves one file behind when it is closed", async () => {
    await storage.write([entry(1)]);
    await storage.get("SELECT 1");
    await storage.close();
    expect(await readdir(join(dir, "deep", "er"))).toEqual(["store.db"]);
  });

  it("keeps its log within what was laid out, however much is written", async () => {
    for (let n = 0; n < 600; n += 1) await storage.write([entry(n)]);
    const log = await stat(`${file}-wal`);
    expect(log.size).toBeLessThan(1.1 * 1024 * 1024);
  });

  it("is busy while another process holds the file, and goes on afterwards", async () => {
    await storage.close();
    storage = await openStorage({ file, migrations: SUITE_MIGRATIONS, busyTimeoutMs: 20 });
    const other = new DatabaseSync(file);
    other.exec("BEGIN IMMEDIATE");
    const outcomes = await Promise.allSettled([
      storage.write([entry(1)]),
      storage.write([entry(2)]),
    ]);
    expect(outcomes).toMatchObject([{ reason: { code: "busy" } }, { reason: { code: "busy" } }]);
    other.exec("ROLLBACK");
    other.close();
    await storage.write([entry(1)]);
  });

  it("waits for another process that is done in time", async () => {
    const other = new DatabaseSync(file);
    other.exec("BEGIN IMMEDIATE");
    const written = storage.write([entry(1)]);
    await new Promise((resolve) => setImmediate(resolve));
    other.exec("INSERT INTO suite_counter VALUES ('other', 1); COMMIT");
    other.close();
    await written;
    expect(await storage.get("SELECT COUNT(*) AS n FROM suite_counter")).toEqual({ n: 1 });
  });

  it("carries the cause of what the database refused", async () => {
    await storage.write([entry(1)]);
    await expect(storage.write([entry(1)])).rejects.toMatchObject({
      message: expect.stringMatching(
        /UNIQUE constraint failed: suite_entry\.id \(SQLite 1555\)/,
      ) as string,
      cause: expect.any(Error) as Error,
    });
  });

  it("prints nothing of its own", () => {
    const script = `const { openStorage } = await import(${JSON.stringify(new URL("../open-storage.js", import.meta.url).href)});
      const storage = await openStorage({ file: process.argv[1], migrations: { namespace: 'x', steps: [] } });
      await storage.get('SELECT 1'); await storage.close();`;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--input-type=module", "-e", script, join(dir, "quiet.db")],
      { encoding: "utf8" },
    );
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
  });
});

function countingTo(rows: number): string {
  return `WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < ${rows}) SELECT n FROM up`;
}

/** As the writing connection has it: the reading one has settings of its own. */
async function pragma(storage: Storage, name: string): Promise<unknown> {
  const [result] = await storage.write([{ sql: `SELECT * FROM pragma_${name}` }]);
  return Object.values(result?.rows[0] ?? {})[0];
}

function entry(id: number): Statement {
  return {
    sql: "INSERT INTO suite_entry (id, lane, step, word) VALUES (?, 0, ?, ?)",
    params: [id, id, `w${id}`],
  };
}
