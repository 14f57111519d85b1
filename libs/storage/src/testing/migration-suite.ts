import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isStorageError } from "../storage-error.js";
import type { Migration, MigrationSet } from "../storage.js";
import { SUITE_MIGRATIONS, type StorageUnderTest } from "./storage-under-test.js";

/** What every storage promises of its migrations. */
export function migrationSuite(kind: StorageUnderTest): void {
  describe("migrations", () => {
    let place: string;
    beforeEach(async () => {
      place = await kind.create();
    });
    afterEach(() => kind.remove(place));

    const first: Migration = {
      id: 1,
      name: "first",
      sql: "CREATE TABLE m_first (a INTEGER PRIMARY KEY)",
    };
    const second: Migration = {
      id: 5,
      name: "second",
      sql: "CREATE TABLE m_second (b INTEGER REFERENCES m_first (a))",
    };

    it("are applied once, in order, and remembered", async () => {
      await open([first]);
      await using storage = await kind.open(place, set([first, second]));
      const applied = await storage.all(
        "SELECT id, name, applied_at FROM outrider_migration WHERE namespace = 'm' ORDER BY id",
      );
      expect(applied).toMatchObject([
        { id: 1, name: "first" },
        { id: 5, name: "second" },
      ]);
      expect(applied[0]?.["applied_at"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    });

    it("of which one fails leave nothing behind, not even those before it", async () => {
      expect(
        await refusal([
          first,
          {
            id: 2,
            name: "wrong",
            sql: "CREATE TABLE m_third (c INTEGER); INSERT INTO m_nothing VALUES (1)",
          },
        ]),
      ).toMatch(/2 \(wrong\)/);
      // The names are free.
      await open([first, { id: 2, name: "right", sql: "CREATE TABLE m_third (c INTEGER)" }]);
    });

    it("whose text was changed after they had been applied are refused", async () => {
      await open([first]);
      expect(await refusal([{ ...first, sql: `${first.sql} ` }, second])).toMatch(
        /1 \(first\) was changed/,
      );
      await open([first, second]);
    });

    it("of a newer program are refused", async () => {
      await open([first, second]);
      expect(await refusal([first])).toMatch(/newer than this program.*5 \(second\)/);
    });

    it("that were put in between or left out are refused", async () => {
      await open([first, second]);
      expect(await refusal([first, { id: 3, name: "between", sql: "SELECT 1" }, second])).toMatch(
        /3 \(between\)/,
      );
      expect(await refusal([second])).toMatch(/1 \(first\)/);
    });

    it("that leave rows without those they refer to are refused", async () => {
      expect(
        await refusal([
          first,
          second,
          { id: 6, name: "orphan", sql: "INSERT INTO m_second (b) VALUES (77)" },
        ]),
      ).toMatch(/6 \(orphan\)/);
    });

    it("that end the transaction are refused", async () => {
      expect(await refusal([first, { id: 2, name: "commit", sql: "COMMIT" }])).toMatch(
        /2 \(commit\)/,
      );
    });

    it("may rebuild a table that others refer to, which keeps its rules afterwards", async () => {
      await open([
        first,
        second,
        {
          id: 6,
          name: "rows",
          sql: "INSERT INTO m_first VALUES (1); INSERT INTO m_second VALUES (1)",
        },
      ]);
      const rebuild =
        "CREATE TABLE m_new (a INTEGER PRIMARY KEY, c TEXT); INSERT INTO m_new (a) SELECT a FROM m_first; DROP TABLE m_first; ALTER TABLE m_new RENAME TO m_first";
      await using storage = await kind.open(
        place,
        set([
          first,
          second,
          {
            id: 6,
            name: "rows",
            sql: "INSERT INTO m_first VALUES (1); INSERT INTO m_second VALUES (1)",
          },
          { id: 7, name: "rebuild", sql: rebuild },
        ]),
      );
      expect(await storage.get("SELECT b FROM m_second JOIN m_first ON a = b")).toEqual({ b: 1 });
      await expect(storage.write([{ sql: "DELETE FROM m_first" }])).rejects.toMatchObject({
        code: "constraint",
      });
    });

    it("of several owners live side by side", async () => {
      await open([first]);
      await using other = await kind.open(place, SUITE_MIGRATIONS);
      expect(
        await other.all("SELECT DISTINCT namespace FROM outrider_migration ORDER BY namespace"),
      ).toEqual([{ namespace: "m" }, { namespace: "suite" }]);
    });

    it("started by several at once are applied once", async () => {
      const storages = await Promise.all(
        Array.from({ length: 4 }, () => kind.open(place, set([first, second]))),
      );
      expect(await storages[0]?.all("SELECT id FROM outrider_migration")).toHaveLength(2);
      await Promise.all(storages.map((storage) => storage.close()));
    });

    it("are only checked when the storage is read-only", async () => {
      await open([first]);
      await expect(
        kind.open(place, set([first, second]), { readonly: true }),
      ).rejects.toMatchObject({ code: "migration" });
      await using storage = await kind.open(place, set([first]), { readonly: true });
      expect(await storage.all("SELECT id FROM outrider_migration")).toHaveLength(1);
    });

    it("whose ids do not rise or whose namespace is no word are a programming error", async () => {
      await expect(kind.open(place, set([second, first]))).rejects.toMatchObject({
        code: "programming",
      });
      await expect(kind.open(place, { namespace: "No Word", steps: [] })).rejects.toMatchObject({
        code: "programming",
      });
    });

    async function open(steps: readonly Migration[]): Promise<void> {
      const storage = await kind.open(place, set(steps));
      await storage.close();
    }

    /** The message of the refusal, or what came instead. */
    async function refusal(steps: readonly Migration[]): Promise<unknown> {
      return open(steps).then(
        () => "opened",
        (reason: unknown) => (isStorageError(reason, "migration") ? reason.message : reason),
      );
    }
  });
}

function set(steps: readonly Migration[]): MigrationSet {
  return { namespace: "m", steps };
}
