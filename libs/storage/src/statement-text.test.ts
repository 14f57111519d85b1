import { describe, expect, it } from "vitest";
import { readStatement } from "./statement-text.js";

describe("a statement", () => {
  it.each([
    ["SELECT ?, ?", 2],
    ["SELECT '?', ?", 1],
    ["SELECT 'it''s ?', ?", 1],
    ['SELECT "a?b" FROM t WHERE c = ?', 1],
    ["SELECT 1 -- really?\n + ?", 1],
    ["SELECT /* ? ; ? */ ?", 1],
    ["SELECT ?; -- the end?", 1],
    ["  \n/* why */ select ?", 1],
    ["SELECT '12:30', b->'x', b->>'y'", 0],
  ])("%s has %i placeholders", (sql, placeholders) => {
    expect(readStatement(sql)).toEqual({ placeholders, writes: false });
  });

  it.each([
    ["INSERT INTO t VALUES (?)", true],
    ["WITH a AS (SELECT 1) DELETE FROM t", true],
    ["with a as (select 1) select * from a", false],
    ["SELECT 'delete', \"update\", inserted_at FROM t -- insert", false],
  ])("%s writes: %s", (sql, writes) => {
    expect(readStatement(sql).writes).toBe(writes);
  });

  it.each([
    ["", /no statement/],
    [" -- nothing\n", /no statement/],
    [";", /no statement/],
    ["SELECT 1; DELETE FROM t", /more than one/],
    ["BEGIN", /may be run/],
    ["/* x */ SAVEPOINT a", /may be run/],
    ["VACUUM", /may be run/],
    ["(SELECT 1)", /may be run/],
    ["SELECT ?2", /placeholder \?2/],
    ["SELECT :a", /placeholder :a/],
    ["SELECT @a", /placeholder @a/],
    ["SELECT $1", /placeholder \$1/],
    ["SELECT 'open", /quote/],
  ])("%j is refused", (sql, message) => {
    expect(() => readStatement(sql)).toThrow(message);
    expect(() => readStatement(sql)).toThrow(expect.objectContaining({ code: "programming" }));
  });

  it("is named in the refusal, but not at any length", () => {
    expect(() => readStatement(`DROP ${"x".repeat(10_000)}`)).toThrow(/^.{1,400}$/s);
  });
});
