import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "@outrider/contracts/clock";
import { openStorage } from "@outrider/storage/open-storage";
import type { Storage } from "@outrider/storage/storage";
import { Child } from "@outrider/storage/testing/child";
import { describe, expect, it } from "vitest";
import { anchorPath } from "./anchor-file.js";
import type { AuditEntry } from "./audit-entry.js";
import { AuditLog } from "./audit-log.js";
import { auditMigrations } from "./audit-migrations.js";
import { verifyDataDirectory } from "./offline.js";

const CHILD = new URL("./testing/writing-child.js", import.meta.url).pathname;
const ALICE = { actor: "person:alice", via: "rest" } as const;

interface Under extends AsyncDisposable {
  readonly data: string;
  readonly storage: Storage;
  readonly log: AuditLog;
  readonly problems: string[];
  /** Closes log and storage and opens them again. */
  again(): Promise<Under>;
}

async function under(given?: string): Promise<Under> {
  const data = given ?? (await mkdtemp(join(tmpdir(), "outrider-audit-")));
  const storage = await openStorage({
    file: join(data, "power.sqlite"),
    migrations: [{ namespace: "power", steps: [JOURNAL] }, auditMigrations("power")],
  });
  const problems: string[] = [];
  const log = await AuditLog.open({
    storage,
    log: "power",
    clock: systemClock,
    anchor: anchorPath(data, "power"),
    problem: (what) => problems.push(what),
  });
  const close = async (): Promise<void> => {
    await log.close();
    await storage.close();
  };
  return {
    data,
    storage,
    log,
    problems,
    again: async () => {
      await close();
      return under(data);
    },
    [Symbol.asyncDispose]: async () => {
      await close();
      await rm(data, { recursive: true, force: true });
    },
  };
}

const JOURNAL = {
  id: 1,
  name: "journal",
  sql: "CREATE TABLE power_journal (id TEXT NOT NULL PRIMARY KEY)",
};
const journalled = (id: string) => ({
  sql: "INSERT INTO power_journal (id) VALUES (?)",
  params: [id],
});
const on = (node: string): AuditEntry => ({ ...ALICE, act: "power.actuate", subject: node });

/** What somebody does who can write the file. */
function tamper(data: string, sql: string): void {
  const db = new DatabaseSync(join(data, "power.sqlite"));
  db.exec(sql);
  db.close();
}

describe("an audit log", () => {
  it("has a record exactly when the transaction was applied that it was part of", async () => {
    await using one = await under();
    const { log, storage } = one;
    await storage.write([journalled("a"), ...log.statements(on("n1"))]);
    await expect(
      storage.write([...log.statements(on("n2")), journalled("a")]),
    ).rejects.toMatchObject({ code: "constraint" });
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        storage.write([
          journalled(`b${index}`),
          ...log.statements(on("n3")),
          ...log.statements({ ...on("n3"), stage: "outcome" }),
        ]),
      ),
    );
    expect(await log.verify()).toMatchObject({ intact: true, records: 61 });
    expect(log.head()?.seq).toBe(61);
    expect((await log.search({ subject: "n2" })).records).toEqual([]);
  });

  it("is sealed a moment after it was written, without being asked", async () => {
    await using one = await under();
    await one.log.append(on("n1"));
    await expect.poll(() => one.log.head()?.seq, { timeout: 20_000 }).toBe(1);
  });

  it("finds records page by page, the newest first", async () => {
    await using one = await under();
    for (let number = 1; number <= 7; number++) {
      await one.log.append({
        ...on(`n${number % 2}`),
        actor: number > 4 ? "person:bob" : "person:alice",
        reason: `number ${number}`,
        data: { number },
      });
    }
    const first = await one.log.search({ limit: 3 });
    expect(first.records.map(({ seq }) => seq)).toEqual([7, 6, 5]);
    expect(first.records[0]).toMatchObject({
      log: "power",
      actor: "person:bob",
      via: "rest",
      act: "power.actuate",
      subject: "n1",
      stage: "intent",
      reason: "number 7",
      data: { number: 7 },
    });
    const rest = await one.log.search({ before: first.next ?? 0, limit: 100 });
    expect(rest.records.map(({ seq }) => seq)).toEqual([4, 3, 2, 1]);
    expect(rest.next).toBeUndefined();
    const found = await one.log.search({ actor: "person:bob", subject: "n0" });
    expect(found.records.map(({ seq }) => seq)).toEqual([6]);
  });

  it("has pages that fit a reply of the service plane", async () => {
    await using one = await under();
    for (let number = 0; number < 30; number++) {
      await one.log.append({ ...on("n1"), data: { text: "x".repeat(4000) } });
    }
    const page = await one.log.search({ limit: 100 });
    expect(JSON.stringify(page).length).toBeLessThan(60_000);
    expect(page.next).toBe(page.records.at(-1)?.seq);
  });

  it.each([
    ["a changed word", "UPDATE power_audit SET actor = 'person:mallory' WHERE seq = 4", 4],
    ["data that means the same", "UPDATE power_audit SET data = '{ \"a\":1}' WHERE seq = 4", 4],
    ["a record taken out", "DELETE FROM power_audit WHERE seq = 4", 4],
    ["the first taken out", "DELETE FROM power_audit WHERE seq = 1", 1],
    ["the end cut off", "DELETE FROM power_audit WHERE seq >= 7", 7],
    ["a hash taken off", "UPDATE power_audit SET hash = NULL WHERE seq = 4", 4],
    [
      "two that changed places",
      "UPDATE power_audit SET seq = 99 WHERE seq = 4; UPDATE power_audit SET seq = 4 WHERE seq = 5; UPDATE power_audit SET seq = 5 WHERE seq = 99",
      4,
    ],
    [
      "a beginning taken out under the pretext of a prune",
      `INSERT INTO power_audit SELECT 9, at, log, actor, via, 'audit.prune', subject, stage, reason, '{"hash":"' || hash || '","through":4}', NULL FROM power_audit WHERE seq = 4; DELETE FROM power_audit WHERE seq <= 4`,
      undefined,
    ],
  ])("shows %s", async (_, sql, brokenAt) => {
    await using one = await under();
    for (let number = 1; number <= 8; number++) {
      await one.log.append({ ...on(`n${number}`), data: { a: 1 } });
    }
    await one.log.close();
    await one.storage.close();
    expect(await verifyDataDirectory(one.data)).toMatchObject([{ intact: true, records: 8 }]);
    tamper(one.data, sql);
    const [verdict] = await verifyDataDirectory(one.data);
    expect(verdict).toMatchObject({ file: "power.sqlite", table: "power_audit", log: "power" });
    expect(verdict?.intact).toBe(false);
    if (brokenAt !== undefined) expect(verdict?.brokenAt).toBe(brokenAt);
    expect(verdict?.detail).toBeTruthy();
  });

  it("whose end is missing goes on, and says so in its chain", async () => {
    await using one = await under();
    for (let number = 1; number <= 5; number++) await one.log.append(on(`n${number}`));
    await one.log.close();
    await one.storage.close();
    tamper(one.data, "DELETE FROM power_audit WHERE seq >= 4");
    await using two = await under(one.data);
    expect(two.problems).toEqual([expect.stringContaining("does not contain record 5")]);
    const { records } = await two.log.search({ act: "audit.end-missing" });
    expect(records).toMatchObject([{ seq: 4, data: { noted: 5, continuedAfter: 3 } }]);
    expect(await two.log.verify()).toMatchObject({ intact: true, records: 4 });
  });

  it("can be pruned, and what is left is still proven", async () => {
    await using one = await under();
    for (let number = 1; number <= 6; number++) await one.log.append(on(`n${number}`));
    await one.log.drain();
    const { records } = await one.log.search({ limit: 1 });
    const latest = Date.parse(records[0]?.at ?? "");
    expect(await one.log.prune(new Date(latest + 1), ALICE)).toBe(6);
    await one.log.append(on("n7"));
    expect(await one.log.verify()).toMatchObject({ intact: true, records: 2 });
    await using again = await one.again();
    await again.log.append(on("n8"));
    expect((await again.log.search({})).records.map(({ seq }) => seq)).toEqual([9, 8, 7]);
    expect(again.problems).toEqual([]);
    expect(await again.log.verify()).toMatchObject({ intact: true, records: 3 });
  });

  it("keeps on when its head cannot be noted, and when the note is damaged", async () => {
    await using one = await under();
    await one.log.append(on("n1"));
    await one.log.close();
    await one.storage.close();
    await writeFile(anchorPath(one.data, "power"), "nonsense");
    await using two = await under(one.data);
    expect(await readFile(anchorPath(one.data, "power"), "utf8")).toMatch(/^1 [0-9a-f]{64}\n$/);
    expect(await two.log.verify()).toMatchObject({ intact: true });
  });

  it("loses no record that was said to be durable, and is sealed after any crash", async () => {
    const data = await mkdtemp(join(tmpdir(), "outrider-audit-"));
    try {
      let written = 0;
      for (const count of [1, 7, 60]) {
        await using child = Child.node(CHILD, [data]);
        await child.said("wrote", count);
        await child.kill("SIGKILL");
        const last = child.lines.findLast((line) => line.startsWith("wrote "));
        written = Number(last?.split(" ")[1]);
        const [verdict] = await verifyDataDirectory(data);
        expect(verdict).toMatchObject({ intact: true });
        expect(verdict?.records).toBeGreaterThanOrEqual(written);
      }
      await using child = Child.node(CHILD, [data]);
      await child.said("opened");
      expect(Number(child.lines[0]?.split(" ")[1])).toBeGreaterThanOrEqual(written);
      await child.kill("SIGKILL");
    } finally {
      await rm(data, { recursive: true, force: true });
    }
  });
});

describe("a data folder", () => {
  it("has a verdict for each log below it, and for files that are none", async () => {
    await using one = await under();
    await one.log.append(on("n1"));
    const agent = await openStorage({
      file: join(one.data, "agents", "rack-a", "agent.sqlite"),
      migrations: auditMigrations("agent"),
    });
    const log = await AuditLog.open({
      storage: agent,
      log: "agent-rack-a",
      owner: "agent",
      clock: systemClock,
    });
    await log.append({ ...on("relay-1"), actor: "service:power", via: "policy" });
    await log.close();
    await agent.close();
    await writeFile(join(one.data, "torn.sqlite"), "this is no database, however long it may be");
    const verdicts = await verifyDataDirectory(one.data);
    expect(verdicts).toMatchObject([
      { file: "agents/rack-a/agent.sqlite", log: "agent-rack-a", intact: true, records: 1 },
      { file: "power.sqlite", log: "power", intact: true, records: 1 },
      { file: "torn.sqlite", intact: false },
    ]);
  });
});
