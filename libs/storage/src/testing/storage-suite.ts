import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StorageError, StorageErrorCode } from "../storage-error.js";
import type { Statement, Storage } from "../storage.js";
import { durabilitySuite } from "./durability-suite.js";
import { migrationSuite } from "./migration-suite.js";
import { statementSuite } from "./statement-suite.js";
import { codeOf, count, entry, failureOf, part } from "./suite-parts.js";
import { SUITE_MIGRATIONS, type StorageUnderTest } from "./storage-under-test.js";

/** What every storage promises, run over one kind of it. Called inside a vitest file. */
export function storageSuite(kind: StorageUnderTest): void {
  describe(`storage on ${kind.name}`, () => {
    let place: string;
    let storage: Storage;

    beforeEach(async () => {
      place = await kind.create();
      storage = await kind.open(place, SUITE_MIGRATIONS);
    });
    afterEach(async () => {
      await storage.close();
      await kind.remove(place);
    });

    describe("a transaction", () => {
      it("tells changes and rows of each statement", async () => {
        const results = await storage.write([
          entry(1, "one"),
          {
            sql: "INSERT INTO suite_counter (name, n) VALUES (?, ?), (?, ?) RETURNING name",
            params: ["a", 1, "b", 2],
          },
          {
            sql: "UPDATE suite_counter SET n = n + 1 WHERE name = ? RETURNING n",
            params: ["nobody"],
          },
          { sql: "SELECT n FROM suite_counter ORDER BY n" },
          { sql: "DELETE FROM suite_counter" },
        ]);
        expect(results).toEqual([
          { changes: 1, rows: [] },
          { changes: 2, rows: [{ name: "a" }, { name: "b" }] },
          { changes: 0, rows: [] },
          { changes: 0, rows: [{ n: 1 }, { n: 2 }] },
          { changes: 2, rows: [] },
        ]);
      });

      it("is applied whole or not at all, and says which statement failed", async () => {
        expect(await failureOf(storage.write([entry(1, "one"), entry(2, "one")]))).toMatchObject({
          code: "constraint",
          statement: 1,
        });
        expect(await count(storage, "suite_entry")).toBe(0);
      });

      it("keeps foreign keys and checks", async () => {
        expect(
          await codeOf(
            storage.write([{ sql: "INSERT INTO suite_part (entry, half) VALUES (9, 1)" }]),
          ),
        ).toBe("constraint");
        expect(
          await codeOf(
            storage.write([
              entry(1, "one"),
              { sql: "INSERT INTO suite_part (entry, half) VALUES (1, 3)" },
            ]),
          ),
        ).toBe("constraint");
      });

      it("without statements resolves to nothing", async () => {
        expect(await storage.write([])).toEqual([]);
      });

      it("whose precondition does not hold is rolled back", async () => {
        await storage.write([{ sql: "INSERT INTO suite_counter (name, n) VALUES ('a', 1)" }]);
        const bump = {
          sql: "UPDATE suite_counter SET n = ? WHERE name = ? AND n = ?",
          expectChanges: 1,
        };
        await storage.write([{ ...bump, params: [2, "a", 1] }]);
        expect(
          await failureOf(storage.write([entry(1, "x"), { ...bump, params: [2, "a", 1] }])),
        ).toMatchObject({ code: "precondition", statement: 1 });
        expect(await count(storage, "suite_entry")).toBe(0);
      });

      it("can expect that nothing changes, also with RETURNING", async () => {
        const none = {
          sql: "DELETE FROM suite_counter WHERE name = 'a' RETURNING n",
          expectChanges: 0,
        };
        await storage.write([none]);
        await storage.write([{ sql: "INSERT INTO suite_counter (name, n) VALUES ('a', 1)" }]);
        expect(await codeOf(storage.write([none]))).toBe("precondition");
        expect(await count(storage, "suite_counter")).toBe(1);
      });
    });

    describe("many callers at once", () => {
      it("of one hundred transactions the wrong ones are rejected alone", async () => {
        const outcomes = await Promise.allSettled(
          Array.from({ length: 100 }, (_, n) =>
            storage.write([
              entry(n, `w${n}`),
              part(n % 10 === 3 ? 100_000 : n, 1),
              ...(n % 10 === 7 ? [never] : []),
            ]),
          ),
        );
        expect(
          outcomes.map((one) =>
            one.status === "rejected" ? (one.reason as StorageError).code : "ok",
          ),
        ).toEqual(
          Array.from({ length: 100 }, (_, n) =>
            n % 10 === 3 ? "constraint" : n % 10 === 7 ? "precondition" : "ok",
          ),
        );
        expect(await count(storage, "suite_entry")).toBe(80);
        expect(await count(storage, "suite_part")).toBe(80);
      });

      it("are applied in the order of their calls", async () => {
        const seen = await Promise.all(
          Array.from({ length: 600 }, async (_, n) => {
            const [result] = await storage.write([
              {
                sql: "INSERT INTO suite_counter (name, n) VALUES ('c', 0) ON CONFLICT (name) DO UPDATE SET n = suite_counter.n + 1 RETURNING n",
              },
            ]);
            return { n, got: result?.rows[0]?.["n"] };
          }),
        );
        expect(seen.filter(({ n, got }) => n !== got)).toEqual([]);
      });

      it("of those that race for one row exactly one wins", async () => {
        await storage.write([{ sql: "INSERT INTO suite_counter (name, n) VALUES ('lease', 0)" }]);
        const claims = await Promise.allSettled(
          Array.from({ length: 20 }, (_, n) =>
            storage.write([
              {
                sql: "UPDATE suite_counter SET n = ? WHERE name = 'lease' AND n = 0",
                params: [n + 1],
                expectChanges: 1,
              },
            ]),
          ),
        );
        expect(claims.filter((one) => one.status === "fulfilled")).toHaveLength(1);
      });

      it("read what has resolved before they ask", async () => {
        for (let n = 1; n <= 30; n += 1) {
          await storage.write([entry(n, `w${n}`)]);
          expect(await count(storage, "suite_entry")).toBe(n);
        }
      });
    });

    describe("a signal", () => {
      it("that is aborted already keeps the transaction out", async () => {
        const reason = new Error("stopping");
        await expect(storage.write([entry(1, "one")], AbortSignal.abort(reason))).rejects.toBe(
          reason,
        );
        expect(await count(storage, "suite_entry")).toBe(0);
      });

      it("that is aborted while the transaction waits keeps it out, and the others in", async () => {
        const controller = new AbortController();
        const reason = new Error("stopping");
        const first = storage.write([entry(1, "one")]);
        const second = storage.write([entry(2, "two")], controller.signal);
        const third = storage.write([entry(3, "three")]);
        controller.abort(reason);
        await expect(second).rejects.toBe(reason);
        await Promise.all([first, third]);
        expect(await storage.all("SELECT id FROM suite_entry ORDER BY id")).toEqual([
          { id: 1 },
          { id: 3 },
        ]);
      });

      it("that is aborted later changes nothing: the outcome is told as it is", async () => {
        const controller = new AbortController();
        const written = storage.write([entry(1, "one")], controller.signal);
        await Promise.resolve();
        await Promise.resolve();
        controller.abort(new Error("too late"));
        expect(await written).toHaveLength(1);
        expect(await count(storage, "suite_entry")).toBe(1);
      });
    });

    describe("closing", () => {
      it("finishes what was called and refuses the rest", async () => {
        const written = Array.from({ length: 20 }, (_, n) => storage.write([entry(n, `w${n}`)]));
        const closed = storage.close();
        expect(await codeOf(storage.write([entry(99, "late")]))).toBe("closed");
        expect(await codeOf(storage.all("SELECT 1"))).toBe("closed");
        expect(await codeOf(storage.get("SELECT 1"))).toBe("closed");
        await Promise.all(written);
        await closed;
        expect(storage.close()).toBe(closed);
        await using again = await kind.open(place, SUITE_MIGRATIONS);
        expect(await count(again, "suite_entry")).toBe(20);
      });

      it("lets a read that is under way end", async () => {
        const read = storage.all("SELECT 1 AS one");
        await storage.close();
        expect(await read).toEqual([{ one: 1 }]);
      });
    });

    it("counts transactions, failures and commits", async () => {
      await storage.write([entry(1, "one")]);
      expect(await codeOf(storage.write([entry(2, "one")]))).toBe("constraint");
      expect(storage.stats()).toEqual({
        commits: 1,
        transactions: 1,
        failed: 1,
        largestGroup: 1,
        pending: 0,
      });
    });

    it("read-only reads what is there and refuses to write", async () => {
      await storage.write([entry(1, "one")]);
      await storage.close();
      await using readonly = await kind.open(place, SUITE_MIGRATIONS, { readonly: true });
      expect(await count(readonly, "suite_entry")).toBe(1);
      expect(await codeOf(readonly.write([entry(2, "two")]))).toBe("programming");
    });

    it.runIf(kind.limitsSize)(
      "that is full rejects with full, applies nothing, and works again once there is room",
      async () => {
        const small = await kind.create();
        try {
          await using limited = await kind.open(small, SUITE_MIGRATIONS, {
            maximumBytes: 256 * 1024,
          });
          let kept = 0;
          let code: StorageErrorCode | "ok" = "ok";
          for (; kept < 1000; kept += 1) {
            code = await codeOf(
              limited.write([entry(kept, `${kept}${"x".repeat(8000)}`), part(kept, 1)]),
            );
            if (code !== "ok") break;
          }
          expect(code).toBe("full");
          expect(kept).toBeGreaterThan(5);
          expect([await count(limited, "suite_entry"), await count(limited, "suite_part")]).toEqual(
            [kept, kept],
          );
          await limited.write([
            { sql: "DELETE FROM suite_part" },
            { sql: "DELETE FROM suite_entry" },
          ]);
          await limited.write([entry(0, "x".repeat(8000))]);
        } finally {
          await kind.remove(small);
        }
      },
    );

    statementSuite(kind);
    migrationSuite(kind);
    durabilitySuite(kind);
  });
}

const never: Statement = { sql: "DELETE FROM suite_counter WHERE n = -1", expectChanges: 1 };
