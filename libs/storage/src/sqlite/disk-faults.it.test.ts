import { execFileSync } from "node:child_process";
import { mkdtemp, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openStorage } from "../open-storage.js";
import { Child } from "../testing/child.js";
import { underTest } from "../testing/sqlite-under-test.js";
import { SUITE_MIGRATIONS } from "../testing/storage-under-test.js";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const WRITER = here("../testing/storage-writer.js");

describe("SQLite storage on a bad disk", () => {
  let dir: string;
  let file: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "outrider-disk-"));
    file = join(dir, "store.db");
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("an I/O error in the commit rejects all of its group, applies nothing, and is over when the disk is", async () => {
    await using child = Child.node(here("failing-disk-child.js"), [file]);
    expect(await child.ended()).toBe("SIGKILL");
    expect(child.lines.map((line) => line.replace(/^(\S+ io) .*$/, "$1"))).toEqual([
      "before ok",
      "large-1 io",
      expect.stringMatching(/^wrong constraint /),
      "large-2 io",
      "large-3 io",
      "large-again io",
      "healed ok",
      "rows 1 6",
    ]);
    expect(child.lines[1]).toContain(`cannot read or write ${file}; check the disk`);
    await using storage = await openStorage({ file, migrations: SUITE_MIGRATIONS });
    expect(await storage.all("SELECT id FROM suite_entry ORDER BY id")).toEqual([
      { id: 1 },
      { id: 6 },
    ]);
  });

  it.skipIf(!canMount())(
    "P12: a full disk does not stop a store that removes as much as it adds",
    async () => {
      const script = 'mount -t tmpfs -o size=6m none "$1" && exec "$2" "$3" "$1"';
      await using child = new Child("unshare", [
        "-Urm",
        "sh",
        "-c",
        script,
        "sh",
        dir,
        process.execPath,
        here("full-disk-child.js"),
      ]);
      expect(await child.ended()).toBe(0);
      expect(child.lines).toEqual([
        "filled ok",
        "turnover ok",
        "growth full",
        'reopened {"grown":1}',
        "room again",
      ]);
    },
  );

  it.skipIf(!canTrace())(
    "every acknowledgement comes after a flush of the log to the disk",
    async () => {
      const trace = join(dir, "trace");
      const options = ["-f", "-y", "-e", "trace=fsync,fdatasync,write", "-o", trace];
      const program = [process.execPath, WRITER, underTest.module, file, "1", "25"];
      await using writer = new Child("strace", [...options, ...program]);
      expect(await writer.ended()).toBe(0);
      const calls = (await readFile(trace, "utf8")).split("\n");
      const started = calls.findIndex((call) => call.includes('"ready\\n"'));
      let flushes = 0;
      const flushesBeforeEachAck: number[] = [];
      for (const call of calls.slice(started)) {
        if (/fd?a?t?a?sync\(\d+<[^>]*-wal>\)\s+= 0|fd?a?t?a?sync resumed>\)\s+= 0/.test(call))
          flushes += 1;
        if (/write\(1.*"ack /.test(call)) flushesBeforeEachAck.push(flushes);
      }
      expect(flushesBeforeEachAck).toHaveLength(25);
      expect(flushesBeforeEachAck.filter((count, index) => count < index + 1)).toEqual([]);
    },
  );

  it.skipIf(!canTrace())(
    "whichever flush fails: what was acknowledged is there after a crash, what was rejected is not",
    async () => {
      const ends: string[] = [];
      const acknowledgedBeforeFault = new Set<number>();
      for (let failing = 1, injected = true; injected; failing += 1) {
        const store = join(dir, `flush-${failing}.db`);
        const fault = `inject=fsync,fdatasync:error=EIO:when=${failing}`;
        const options = ["-f", "-e", "trace=fsync,fdatasync", "-e", fault, "-o", `${store}.trace`];
        const program = [process.execPath, here("flush-fault-child.js"), store];
        await using child = new Child("strace", [...options, ...program]);
        await child.ended();
        const last = child.lines.at(-1) ?? "nothing";
        ends.push(last);
        expect(last).toMatch(/^(failed io|end)$/);
        injected = (await readFile(`${store}.trace`, "utf8")).includes("INJECTED");

        await using storage = await openStorage({ file: store, migrations: SUITE_MIGRATIONS });
        const rows = await storage.all<{ id: number }>("SELECT id FROM suite_entry ORDER BY id");
        const acknowledged = child.lines.filter((line) => line.endsWith(" ok"));
        if (last !== "end") acknowledgedBeforeFault.add(acknowledged.length);
        expect(
          rows.map(({ id }) => `${id} ok`),
          `flush ${failing} failing`,
        ).toEqual(acknowledged);
      }
      // The flush of each of the six commits failed in some round, and in the last round none did.
      expect([...acknowledgedBeforeFault]).toEqual(expect.arrayContaining([0, 1, 2, 3, 4, 5]));
      expect(ends.at(-1)).toBe("end");
    },
  );

  it("a file that is no database is corrupt, says so with its name and what to do, and is left as it is", async () => {
    await writeFile(file, "These are not the bytes you are looking for.".repeat(100));
    await expect(openStorage({ file, migrations: SUITE_MIGRATIONS })).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringMatching(
        new RegExp(`^${file} is damaged.*restore a backup.*\\.recover`),
      ) as string,
    });
    expect((await stat(file)).size).toBe(4400);
  });

  it("a page that is damaged later is corrupt to those who need it", async () => {
    const first = await openStorage({ file, migrations: SUITE_MIGRATIONS });
    await first.write([
      { sql: "INSERT INTO suite_entry (id, lane, step, word) VALUES (1, 0, 0, 'a')" },
    ]);
    const root = await first.get<{ rootpage: number }>(
      "SELECT rootpage FROM sqlite_master WHERE name = 'suite_entry'",
    );
    await first.close();
    const handle = await open(file, "r+");
    await handle.write(Buffer.alloc(4096, 0x5a), 0, 4096, ((root?.rootpage ?? 0) - 1) * 4096);
    await handle.close();

    await using storage = await openStorage({ file, migrations: SUITE_MIGRATIONS });
    await expect(storage.all("SELECT * FROM suite_entry")).rejects.toMatchObject({
      code: "corrupt",
    });
    await expect(
      storage.write([
        { sql: "INSERT INTO suite_entry (id, lane, step, word) VALUES (2, 0, 0, 'b')" },
      ]),
    ).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringContaining(file) as string,
    });
    await storage.write([{ sql: "INSERT INTO suite_counter (name, n) VALUES ('still', 1)" }]);
  });
});

/** Whether this machine lets a test have a file system of its own. */
function canMount(): boolean {
  return can(
    "unshare",
    ["-Urm", "mount", "-t", "tmpfs", "none", "/mnt"],
    "the full-disk test needs user namespaces",
  );
}

function canTrace(): boolean {
  return can("strace", ["-o", "/dev/null", "true"], "the test of flushes needs strace");
}

/** Skips are loud; where everything has to be tested they are failures. */
function can(command: string, args: readonly string[], otherwise: string): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch (cause) {
    if (process.env["CI"]) throw new Error(otherwise, { cause });
    console.warn(`SKIPPED: ${otherwise}`);
    return false;
  }
}
