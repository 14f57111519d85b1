import { mkdir, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hasPostgres } from "@outrider/testing/postgres";
import { tempDir } from "@outrider/testing/temp-dir";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { becomeActive, type ActiveInstance } from "../active-instance.js";
import { openStorage } from "../open-storage.js";
import { storageFor, type StoragePlace } from "../storage-for.js";
import type { MigrationSet, Storage } from "../storage.js";
import { Child } from "../testing/child.js";
import { endTestServer, testServer } from "../testing/postgres-under-test.js";
import { underTest as sqlite } from "../testing/sqlite-under-test.js";
import { SUITE_MIGRATIONS } from "../testing/storage-under-test.js";
import { makeBackup } from "./make-backup.js";
import { BackupError } from "./manifest.js";
import { RESTORE_MARKER } from "./restore-marker.js";
import { restoreBackup } from "./restore-backup.js";
import { showBackup } from "./show-backup.js";

const WRITER = fileURLToPath(new URL("../testing/storage-writer.js", import.meta.url));

const KINDS: MigrationSet = {
  namespace: "kinds",
  steps: [
    {
      id: 1,
      name: "one",
      sql: `CREATE TABLE kinds_parent (n INTEGER PRIMARY KEY AUTOINCREMENT, word TEXT NOT NULL);
            CREATE TABLE kinds_value (id INTEGER PRIMARY KEY, up INTEGER REFERENCES kinds_value (id),
              parent INTEGER NOT NULL REFERENCES kinds_parent (n), big INTEGER, part REAL, bytes BLOB, text TEXT);
            CREATE INDEX kinds_big ON kinds_value (big) WHERE big IS NOT NULL;
            INSERT INTO kinds_parent (word) VALUES ('made by the migration');`,
    },
    {
      id: 2,
      name: "two",
      sql: "ALTER TABLE kinds_value ADD COLUMN later TEXT NOT NULL DEFAULT 'x'",
    },
  ],
};
const LATER: MigrationSet = {
  ...KINDS,
  steps: [...KINDS.steps, { id: 3, name: "three", sql: "CREATE TABLE kinds_new (id INTEGER)" }],
};

interface Kind {
  readonly name: string;
  readonly place: (folder: string) => Promise<StoragePlace>;
}
const KIND: readonly Kind[] = [
  { name: "SQLite", place: (folder) => Promise.resolve({ dataDirectory: folder }) },
  ...(hasPostgres()
    ? [
        {
          name: "PostgreSQL",
          place: async (folder: string) => ({
            dataDirectory: folder,
            databaseUrl: await (await testServer()).database(),
          }),
        },
      ]
    : []),
];

afterAll(endTestServer);

describe.each(KIND)("a backup of a deployment with $name", (kind) => {
  let stack: AsyncDisposableStack;
  let from: StoragePlace;
  let to: StoragePlace;
  let file: string;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    from = await kind.place(stack.use(await tempDir()).path);
    to = await kind.place(stack.use(await tempDir()).path);
    file = join(stack.use(await tempDir()).path, "backup.tar.gz");
    await mkdir(join(from.dataDirectory, "secrets"));
    await writeFile(join(from.dataDirectory, "secrets", "service-power"), "s3cret", {
      mode: 0o600,
    });
    await writeFile(join(from.dataDirectory, "credentials.json"), "{}");
    await using storage = await storageFor(from, KINDS);
    await fill(storage);
  });
  afterEach(() => stack.disposeAsync());

  const backUp = () => makeBackup({ ...from, file, version: "1.2.3" });
  const restore = (place = to, replace = false) => restoreBackup({ ...place, file, replace });

  it("comes back as it was, goes on counting where it was, and tells owners once", async () => {
    const before = await contents(from);
    const made = await backUp();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await showBackup(file)).toEqual(made);
    const { id } = await restore();
    expect(await contents(to)).toEqual(before);
    expect(await readFile(join(to.dataDirectory, "secrets", "service-power"), "utf8")).toBe(
      "s3cret",
    );
    await using storage = await storageFor(to, KINDS);
    const [added] = await storage.write([
      { sql: "INSERT INTO kinds_parent (word) VALUES ('new') RETURNING n" },
    ]);
    expect(added?.rows).toEqual([{ n: 3 }]);
    const restored = await storage.restored();
    expect(restored).toMatchObject({ id, backupAt: made.madeAt });
    await storage.write(restored ? [restored.settled] : []);
    expect(await storage.restored()).toBeUndefined();
    await expect(
      storage.write([{ sql: "INSERT INTO kinds_value (id, parent) VALUES (9, 99)" }]),
    ).rejects.toMatchObject({ code: "constraint" });
  });

  it("takes an old schema forward at the next start", async () => {
    await backUp();
    await restore();
    await using storage = await storageFor(to, LATER);
    expect(await storage.all("SELECT id FROM kinds_new")).toEqual([]);
  });

  it("of a newer schema is refused by the older program, before it touches anything", async () => {
    await using newer = await storageFor(from, LATER);
    await newer.close();
    await backUp();
    await restore();
    await expect(storageFor(to, KINDS)).rejects.toMatchObject({ code: "migration" });
  });

  it("does not go over what is there, unless it is told to; what was there is put aside", async () => {
    await backUp();
    await restore();
    await using changed = await storageFor(to, KINDS);
    await changed.write([{ sql: "DELETE FROM kinds_value" }]);
    await changed.close();
    await expect(restore()).rejects.toThrow(/--replace/);
    const { aside } = await restore(to, true);
    expect(await contents(to)).toEqual(await contents(from));
    expect(await readdir(aside ?? "")).toContain("credentials.json");
  });

  it("is not put back while a service is active", async () => {
    await backUp();
    await restore();
    const active: ActiveInstance = await becomeActive(to, "power", {
      holder: "the power service",
      lost: () => undefined,
    });
    await expect(restore(to, true)).rejects.toThrow(/stop what uses.*the power service/s);
    await active.release();
    await restore(to, true);
  });

  it("is not put back while anybody has the store open, service or not", async () => {
    await backUp();
    await restore();
    await using used = await storageFor(to, KINDS);
    await used.write([{ sql: "INSERT INTO kinds_parent (word) VALUES ('kept')" }]);
    await expect(restore(to, true)).rejects.toThrow(/stop (it|what uses)/);
    expect(await used.get("SELECT word FROM kinds_parent WHERE word = 'kept'")).toBeDefined();
    await used.close();
    await restore(to, true);
    expect(await contents(to)).toEqual(await contents(from));
  });

  it("that is damaged anywhere is refused, and nothing is changed", async () => {
    await backUp();
    const { size } = await stat(file);
    const whole = await readFile(file);
    for (const at of [0.1, 0.5, 0.9]) {
      await writeFile(file, whole);
      await truncate(file, Math.floor(size * at));
      await expect(restore()).rejects.toBeInstanceOf(BackupError);
      const flipped = Buffer.from(whole);
      const place = Math.floor(size * at);
      flipped[place] = (flipped[place] ?? 0) ^ 0xff;
      await writeFile(file, flipped);
      await expect(restore()).rejects.toBeInstanceOf(BackupError);
    }
    expect(await readdir(to.dataDirectory)).toEqual([]);
    await writeFile(file, whole);
    await restore();
  });

  it("that was put in place half keeps services from starting until it is done again", async () => {
    await backUp();
    await writeFile(join(to.dataDirectory, RESTORE_MARKER), "{}");
    await expect(
      becomeActive(to, "power", { holder: "p", lost: () => undefined }),
    ).rejects.toMatchObject({ code: "migration" });
    await expect(restore()).rejects.toThrow(/--replace/);
    await restore(to, true);
    const active = await becomeActive(to, "power", { holder: "p", lost: () => undefined });
    await active.release();
  });
});

describe("a backup of SQLite files", () => {
  it("is whole while somebody writes, and leaves an agent's journal where it is", async () => {
    await using from = await tempDir();
    await using to = await tempDir();
    const store = join(from.path, "suite.sqlite");
    await using writer = Child.node(WRITER, [sqlite.module, store, "4"]);
    await writer.said("ack", 20);
    const agent = {
      namespace: "agent",
      steps: [{ id: 1, name: "a", sql: "CREATE TABLE agent_a (n INTEGER)" }],
    };
    for (const folder of [from.path, to.path])
      await (
        await openStorage({ file: join(folder, "journal.sqlite"), migrations: agent })
      ).close();
    // Logs of consoles are large, and are copied as files; those that are there stay.
    await mkdir(join(from.path, "console", "n1"), { recursive: true });
    await mkdir(join(to.path, "console", "n2"), { recursive: true });
    const file = join(from.path, "backup.tar.gz");
    await makeBackup({ dataDirectory: from.path, file, version: "1" });
    await writer.said("ack", 20 + writer.lines.length);
    await restoreBackup({ dataDirectory: to.path, file, replace: false });
    expect(await readdir(to.path)).not.toContain("backup.tar.gz");
    expect(await readdir(join(to.path, "console"))).toEqual(["n2"]);
    await using storage = await openStorage({
      file: join(to.path, "suite.sqlite"),
      migrations: SUITE_MIGRATIONS,
    });
    const lanes = await storage.all<{ n: number; last: number }>(
      "SELECT COUNT(*) AS n, MAX(step) AS last FROM suite_entry GROUP BY lane",
    );
    expect(lanes.length).toBe(4);
    for (const { n, last } of lanes) expect(n).toBe(last);
    await using journal = await openStorage({
      file: join(to.path, "journal.sqlite"),
      migrations: agent,
    });
    expect(await journal.restored()).toBeUndefined();
  });

  it("has the heads of audit logs that are noted in files, none of which stays behind", async () => {
    await using from = await tempDir();
    await using to = await tempDir();
    const file = join(from.path, "backup.tar.gz");
    await (await storageFor({ dataDirectory: from.path }, KINDS)).close();
    for (const [folder, head] of [
      [from.path, "7"],
      [to.path, "9"],
    ] as const) {
      await mkdir(join(folder, "audit"));
      await writeFile(join(folder, "audit", "power.head"), head);
    }
    await writeFile(join(to.path, "audit", "gateway.head"), "3");
    await makeBackup({ dataDirectory: from.path, file, version: "1" });
    await restoreBackup({ dataDirectory: to.path, file, replace: true });
    expect(await readFile(join(to.path, "audit", "power.head"), "utf8")).toBe("7");
    expect(await readdir(join(to.path, "audit"))).toEqual(["power.head"]);
  });

  it("of nothing is refused", async () => {
    await using from = await tempDir();
    const file = join(from.path, "backup.tar.gz");
    await expect(
      makeBackup({ dataDirectory: from.path, file, version: "1" }),
    ).rejects.toBeInstanceOf(BackupError);
    expect(await readdir(from.path)).toEqual([]);
  });
});

async function fill(storage: Storage): Promise<void> {
  await storage.write([
    { sql: "INSERT INTO kinds_parent (word) VALUES ('ü\u2028\n\"x\"')" },
    ...[
      [1, 3, 2, 2n ** 63n - 1n, 1.1, new Uint8Array([0, 255, 10]), ""],
      [2, 1, 1, -(2n ** 63n), -1e300, null, "line\nline\\ \u2028 \u{1f600}"],
      [3, null, 1, null, null, new Uint8Array(0), null],
    ].map((params) => ({
      sql: "INSERT INTO kinds_value (id, up, parent, big, part, bytes, text) VALUES (?, NULL, ?, ?, ?, ?, ?)",
      params: [params[0], ...params.slice(2)] as never,
    })),
    { sql: "UPDATE kinds_value SET up = 3 WHERE id = 1" },
    { sql: "UPDATE kinds_value SET up = 1 WHERE id = 2" },
  ]);
}

async function contents(place: StoragePlace): Promise<unknown> {
  await using storage = await storageFor(place, KINDS);
  return {
    parents: await storage.all("SELECT * FROM kinds_parent ORDER BY n"),
    values: await storage.all("SELECT * FROM kinds_value ORDER BY id"),
  };
}
