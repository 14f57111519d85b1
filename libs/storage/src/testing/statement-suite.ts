import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Statement, Storage } from "../storage.js";
import { fromJson, toJson, type SqlInput } from "../values.js";
import { SUITE_MIGRATIONS, type StorageUnderTest } from "./storage-under-test.js";
import { codeOf, count, entry } from "./suite-parts.js";

/** What every storage promises of values and of the text of statements. */
export function statementSuite(kind: StorageUnderTest): void {
  describe("statements", () => {
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

    describe("values", () => {
      const SAME: readonly SqlInput[] = [
        "",
        "ü\n",
        0,
        -1,
        2 ** 53 - 1,
        1.5,
        -1e300,
        2n ** 63n - 1n,
        -(2n ** 63n),
        null,
      ];
      it.each(SAME.map((value) => [value]))("%s comes back as it went in", async (value) => {
        expect(
          (
            await storage.get<{ v: unknown }>("SELECT CAST(? AS " + typeFor(value) + ") AS v", [
              value,
            ])
          )?.v,
        ).toBe(value);
      });

      it("a text with U+0000 comes back or is refused, and is never cut short", async () => {
        const word = "ü\u0000\n";
        if (kind.keepsNul) {
          await storage.write([entry(1, word)]);
          expect(await storage.get("SELECT word FROM suite_entry")).toEqual({ word });
        } else {
          expect(await codeOf(storage.write([entry(1, word)]))).toBe("constraint");
          expect(await count(storage, "suite_entry")).toBe(0);
        }
      });

      it("bytes come back as bytes, a view of a larger buffer as that view", async () => {
        const bytes = new Uint8Array([9, 0, 255, 9]).subarray(1, 3);
        expect((await storage.get<{ v: unknown }>("SELECT ? AS v", [bytes]))?.v).toEqual(
          new Uint8Array([0, 255]),
        );
      });

      it("whole numbers are integers to SQL, booleans are 0 and 1, a bigint that fits a number comes back as one", async () => {
        expect(
          await storage.get("SELECT 7 / ? AS seven, ? AS yes, ? AS no, ? AS small", [
            2,
            true,
            false,
            5n,
          ]),
        ).toEqual({
          seven: 3,
          yes: 1,
          no: 0,
          small: 5,
        });
      });

      it("JSON keeps its shape", async () => {
        const value = { a: [1, null, "x"], b: { c: true } };
        await storage.write([entry(1, toJson(value))]);
        expect(
          fromJson((await storage.get<{ word: string }>("SELECT word FROM suite_entry"))?.word),
        ).toEqual(value);
      });
    });

    describe("programming errors are refused before they reach the database", () => {
      const WRONG: readonly [string, Statement][] = [
        ["a parameter too few", { sql: "SELECT ?" }],
        ["a parameter too many", { sql: "SELECT 1", params: [1] }],
        ["undefined", { sql: "SELECT ?", params: [undefined as unknown as null] }],
        ["NaN", { sql: "SELECT ?", params: [Number.NaN] }],
        ["an object", { sql: "SELECT ?", params: [{} as unknown as null] }],
        ["a bigint of 65 bits", { sql: "SELECT ?", params: [2n ** 64n] }],
        ["two statements", { sql: "SELECT 1; SELECT 2" }],
        ["COMMIT", { sql: "COMMIT" }],
        ["PRAGMA", { sql: "PRAGMA synchronous = OFF" }],
        ["DDL", { sql: "DROP TABLE suite_entry" }],
        ["numbered placeholders", { sql: "SELECT ?1", params: [1] }],
        ["named placeholders", { sql: "SELECT :name" }],
        ["broken SQL", { sql: "SELECT FROM WHERE" }],
        ["a table that is not there", { sql: "SELECT * FROM suite_nothing" }],
      ];
      it.each(WRONG)("%s", async (_, statement) => {
        expect(await codeOf(storage.write([statement]))).toBe("programming");
        expect(await codeOf(storage.all(statement.sql, statement.params))).toBe("programming");
      });

      it("writing through a read", async () => {
        expect(
          await codeOf(
            storage.all("INSERT INTO suite_counter (name, n) VALUES ('a', 1) RETURNING n"),
          ),
        ).toBe("programming");
        expect(await count(storage, "suite_counter")).toBe(0);
      });
    });
  });
}

function typeFor(value: SqlInput): string {
  if (typeof value === "string") return "TEXT";
  return (typeof value === "number" && !Number.isInteger(value)) || value === -1e300
    ? "DOUBLE PRECISION"
    : "BIGINT";
}
