import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Connection } from "./connection.js";
import { GroupCommit } from "./group-commit.js";
import type { BoundTransaction, GroupResult } from "../transaction.js";

describe("a group of transactions", () => {
  let dir: string;
  let connection: Connection;
  let groups: GroupCommit;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "outrider-group-"));
    const file = join(dir, "a.db");
    const sql = `CREATE TABLE g_parent (id INTEGER PRIMARY KEY);
      CREATE TABLE g_child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES g_parent (id) DEFERRABLE INITIALLY DEFERRED);
      CREATE TABLE g_strict (id INTEGER PRIMARY KEY ON CONFLICT ROLLBACK);`;
    connection = new Connection({
      file,
      readonly: false,
      busyTimeoutMs: 0,
      maximumBytes: undefined,
      migrations: [{ namespace: "g", steps: [{ id: 1, name: "tables", sql }] }],
    });
    groups = new GroupCommit(connection, file);
  });
  afterEach(() => {
    connection.db.close();
    rmSync(dir, { recursive: true });
  });

  it("is one commit", () => {
    expect(
      groups.run([insert("g_parent", 1), insert("g_parent", 2), insert("g_parent", 3)]).commits,
    ).toBe(1);
  });

  it("is one commit also when one of it fails", () => {
    const result = groups.run([
      insert("g_parent", 1),
      insert("g_parent", 1),
      insert("g_parent", 2),
    ]);
    expect(codes(result)).toEqual(["ok", "constraint", "ok"]);
    expect(result.commits).toBe(1);
    expect(ids("g_parent")).toEqual([1, 2]);
  });

  it("is no commit when all of it fail, or nothing changes", () => {
    groups.run([insert("g_parent", 1)]);
    expect(groups.run([insert("g_parent", 1), insert("g_parent", 1)]).commits).toBe(0);
    expect(
      groups.run([[{ sql: "DELETE FROM g_child", params: [], expectChanges: 0 }]]).commits,
    ).toBe(0);
    expect(connection.db.isTransaction).toBe(false);
  });

  it("survives a rule that speaks up only at the commit: its owner fails alone", () => {
    const orphan: BoundTransaction = [
      { sql: "INSERT INTO g_child (id, parent) VALUES (1, 77)", params: [], expectChanges: 1 },
    ];
    const result = groups.run([insert("g_parent", 1), orphan, insert("g_parent", 2)]);
    expect(codes(result)).toEqual(["ok", "constraint", "ok"]);
    expect([ids("g_parent"), ids("g_child")]).toEqual([[1, 2], []]);
    expect(result.commits).toBe(2);
  });

  it("survives a statement that rolls everything back: its owner fails alone", () => {
    const result = groups.run([
      insert("g_strict", 1),
      insert("g_parent", 1),
      insert("g_strict", 1),
      insert("g_parent", 2),
    ]);
    expect(codes(result)).toEqual(["ok", "ok", "constraint", "ok"]);
    expect([ids("g_strict"), ids("g_parent")]).toEqual([[1], [1, 2]]);
  });

  it("that cannot begin fails as a whole, with what holds the file", () => {
    const other = new Connection({
      file: join(dir, "a.db"),
      readonly: false,
      busyTimeoutMs: 0,
      maximumBytes: undefined,
      migrations: undefined,
    });
    other.db.exec("BEGIN IMMEDIATE");
    expect(codes(groups.run([insert("g_parent", 1), insert("g_parent", 2)]))).toEqual([
      "busy",
      "busy",
    ]);
    other.db.exec("ROLLBACK");
    other.db.close();
    expect(codes(groups.run([insert("g_parent", 1)]))).toEqual(["ok"]);
  });

  function ids(table: string): unknown[] {
    return connection
      .all({ sql: `SELECT id FROM ${table} ORDER BY id`, params: [], expectChanges: undefined })
      .map((row) => row["id"]);
  }
});

function insert(table: string, id: number): BoundTransaction {
  return [{ sql: `INSERT INTO ${table} (id) VALUES (?)`, params: [BigInt(id)], expectChanges: 1 }];
}

function codes(result: GroupResult): string[] {
  return result.outcomes.map((outcome) => ("failure" in outcome ? outcome.failure.code : "ok"));
}
