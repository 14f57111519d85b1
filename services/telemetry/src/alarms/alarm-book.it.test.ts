import { Session } from "@outrider/messaging/session";
import { silentLog } from "@outrider/messaging/log";
import { openStorage } from "@outrider/storage/open-storage";
import type { Storage } from "@outrider/storage/storage";
import { StorageError } from "@outrider/storage/storage-error";
import { eventually } from "@outrider/testing/eventually";
import { hasPostgres, startPostgres, type TestPostgres } from "@outrider/testing/postgres";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { EventLog } from "../events/event-log.js";
import { AlarmHealth } from "../state/alarm-health.js";
import type { Point } from "../store/store.js";
import { AlarmBook } from "./alarm-book.js";
import { ALARM_MIGRATION } from "./alarm-migrations.js";
import type { Finding } from "./alarm.js";
import { Ledger } from "./ledger.js";

const HOT: Finding = {
  subject: "node:n1",
  id: "hot-soc",
  rule: "hot",
  kind: "threshold",
  severity: "Warning",
  message: "it is hot",
  value: 80,
  limit: 75,
  unit: "°C",
};
const PLACE = { nodes: ["n1"], agent: "rack-a" };
const NEVER = new AbortController().signal;
const ALL = { state: "all", limit: 100 } as const;

const BACKENDS = hasPostgres() ? (["SQLite", "PostgreSQL"] as const) : (["SQLite"] as const);

describe.each(BACKENDS)("alarms and events as they are kept in %s", (database) => {
  let postgres: TestPostgres | undefined;
  /** Of this test's database. */
  let url = "";
  let directory: TempDir;
  let clock: VirtualClock;
  let storage: Storage;
  let ledger: Ledger;
  let events: EventLog;
  let book: AlarmBook;
  let health: AlarmHealth;
  let points: Point[];
  /** While set, the database takes nothing. */
  let broken: StorageError | undefined;

  beforeAll(async () => {
    if (database === "PostgreSQL") postgres = await startPostgres();
  }, 60_000);
  afterAll(() => postgres?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    directory = await tempDir();
    if (postgres) url = await postgres.database();
    clock = new VirtualClock();
    points = [];
    broken = undefined;
    await begin();
  });
  afterEach(async () => {
    await end();
    await directory.remove();
  });

  async function begin(mostKept?: number): Promise<void> {
    const migrations = { namespace: "telemetry", steps: [ALARM_MIGRATION] };
    const file = `${directory.path}/t.sqlite`;
    const opened = await openStorage(postgres ? { url, migrations } : { file, migrations });
    storage = new Proxy(opened, {
      get: (target, key) => {
        if (key === "write" && broken) return () => Promise.reject(broken);
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    // Never connected: what is said on the bus is proven on a broker.
    const session = new Session({ url: "mqtt://127.0.0.1:1", clientId: "none", clock });
    const put = (more: readonly Point[]): void => void points.push(...more);
    ledger = new Ledger({ storage, clock, log: silentLog, defect: raise });
    events = new EventLog({
      storage,
      ledger,
      session,
      clock,
      put,
      ...(mostKept ? { mostKept } : {}),
    });
    health = new AlarmHealth();
    book = new AlarmBook({ storage, ledger, events, session, clock, health, put });
    await events.start();
    await book.start();
  }
  async function end(): Promise<void> {
    book.stop();
    events.stop();
    await ledger.stop();
    await storage.close();
  }
  const written = (): Promise<void> => ledger.put([{ sql: "DELETE FROM telemetry_policies" }]);
  async function turns(): Promise<string[]> {
    await written();
    await written();
    const { events: log } = await events.events({ limit: 1000 }, NEVER);
    return log.map(({ kind }) => kind).toReversed();
  }

  it("are said in other words without being news, also after a restart", async () => {
    book.found(HOT, PLACE);
    await clock.advance(1000);
    book.reworded({ ...HOT, message: "it is hotter", value: 84 });
    book.reworded({ ...HOT, id: "other" });
    expect(await turns()).toEqual(["alarm-raised"]);
    await end();
    await begin();
    const { alarms } = await book.alarms(ALL, NEVER);
    expect(alarms).toMatchObject([{ message: "it is hotter", value: 84, severity: "Warning" }]);
  });

  it("are said in other words a few at a time, and written so only while nothing else waits", async () => {
    const many = Array.from({ length: 250 }, (_, at) => ({ ...HOT, subject: `node:n${at}` }));
    const inWords = async (message: string): Promise<number> => {
      await written();
      const rows = await storage.all<{ alarm: string }>("SELECT alarm FROM telemetry_alarms");
      return rows.filter(({ alarm }) => alarm.includes(message)).length;
    };
    for (const one of many) book.found(one, PLACE);
    expect(await inWords("it is hot")).toBe(250);
    for (const one of many) book.reworded({ ...one, message: "it burns" });
    await clock.advance(1000);
    expect(await inWords("it burns")).toBe(100);
    broken = new StorageError("unreachable", "it is away");
    book.over(HOT);
    // In two hours, with other words each minute.
    for (let minute = 0; minute < 120; minute++) {
      for (const one of many) book.reworded({ ...one, message: `${minute} min` });
      await clock.advance(60_000);
    }
    // What has turned, and nothing of what is only said in other words.
    expect(ledger.waiting).toBeLessThan(10);
    broken = undefined;
    await eventually("the newest words are written", async () => {
      await clock.advance(1000);
      return (await inWords("119 min")) === 249;
    });
    expect(ledger.lost).toBe(0);
    const { alarms } = await book.alarms({ state: "cleared", limit: 10 }, NEVER);
    expect(alarms).toMatchObject([{ subject: "node:n1", message: "it burns" }]);
  });

  it("are raised, change and end once each, with a history", async () => {
    book.found(HOT, PLACE);
    await clock.advance(1000);
    book.found({ ...HOT, severity: "Critical", value: 90 }, PLACE);
    expect(health.of("n1" as never)).toBe("Critical");
    await clock.advance(1000);
    book.over(HOT);
    book.over(HOT);
    expect(health.of("n1" as never)).toBeUndefined();
    expect(await turns()).toEqual(["alarm-raised", "alarm-changed", "alarm-cleared"]);
    expect((await book.alarms(ALL, NEVER)).alarms).toEqual([
      {
        seq: 1,
        subject: "node:n1",
        id: "hot-soc",
        rule: "hot",
        kind: "threshold",
        severity: "Critical",
        message: "it is hot",
        raisedAt: "2026-01-01T00:00:00.000Z",
        clearedAt: "2026-01-01T00:00:02.000Z",
        value: 90,
        limit: 75,
        unit: "°C",
      },
    ]);
    const severities = points.filter(({ measurement }) => measurement === "node_alarm");
    expect(severities.map(({ fields }) => fields["severity"])).toEqual([1, 2, 0]);
  });

  it("that somebody has seen are new to them once they are worse", async () => {
    book.found(HOT, PLACE);
    await book.acknowledge(HOT, "person:ada", "I know");
    expect([...book.standing][0]?.acknowledged).toMatchObject({ actor: "person:ada" });
    await written();
    await end();
    await begin();
    expect([...book.standing][0]?.acknowledged?.comment).toBe("I know");
    book.found({ ...HOT, severity: "Critical" }, PLACE);
    expect([...book.standing][0]?.acknowledged).toBeUndefined();
    await expect(
      book.acknowledge({ subject: "node:n1", id: "none" }, "person:ada", undefined),
    ).rejects.toMatchObject({
      code: "not-found",
    });
  });

  it("that come and go are told a few times, then kept until it is quiet, with a count", async () => {
    for (let times = 0; times < 40; times++) {
      book.found(HOT, PLACE);
      await clock.advance(5000);
      book.over(HOT);
      await clock.advance(5000);
    }
    const told = await turns();
    expect(told.filter((kind) => kind === "alarm-raised")).toHaveLength(5);
    expect(told).toHaveLength(9);
    expect([...book.standing]).toHaveLength(1);
    expect([...book.standing][0]?.message).toContain("comes and goes");
    await clock.advance(600_000);
    expect([...book.standing]).toEqual([]);
    expect(await turns()).toHaveLength(10);
    expect((await book.alarms({ ...ALL, limit: 1 }, NEVER)).alarms[0]?.flaps).toBe(35);
    // Its past is over, too.
    book.found(HOT, PLACE);
    expect([...book.standing][0]?.message).toBe("it is hot");
  });

  it("that come and go are told again when they are worse, and stay when they stay", async () => {
    for (let times = 0; times < 6; times++) {
      book.found(HOT, PLACE);
      book.over(HOT);
    }
    const before = (await turns()).length;
    book.found({ ...HOT, severity: "Critical", message: "it burns" }, PLACE);
    expect([...book.standing][0]).toMatchObject({ severity: "Critical" });
    expect(await turns()).toHaveLength(before + 1);
    await clock.advance(3_600_000);
    expect([...book.standing]).toHaveLength(1);
    book.over(HOT);
    expect([...book.standing]).toEqual([]);
  });

  it("are told also while nothing can be written, and written once it can", async () => {
    broken = new StorageError("full", "the disk is full");
    book.found(HOT, PLACE);
    await eventually("somebody sees it", async () => {
      const state = await book.acknowledge(HOT, "person:ada", undefined);
      return state.acknowledged !== undefined;
    });
    broken = undefined;
    await clock.advance(2000);
    await eventually(
      "it is written",
      async () => (await storage.all("SELECT seq FROM telemetry_alarms")).length === 1,
    );
    expect(await turns()).toEqual(["alarm-raised", "alarm-acknowledged"]);
  });

  it("are paged through from the newest, by state, severity and node", async () => {
    for (const node of ["n1", "n2", "n3"]) {
      for (const severity of ["Warning", "Critical"] as const) {
        const finding = {
          ...HOT,
          subject: `node:${node}`,
          id: `hot-${severity.toLowerCase()}`,
          severity,
        };
        book.found(finding, { nodes: [node] });
        if (node !== "n3") book.over(finding);
      }
    }
    await written();
    const seqs = async (asked: object): Promise<number[]> =>
      (await book.alarms({ ...ALL, ...asked }, NEVER)).alarms.map(({ seq }) => seq);
    expect(await seqs({})).toEqual([6, 5, 4, 3, 2, 1]);
    expect(await seqs({ state: "active" })).toEqual([6, 5]);
    expect(await seqs({ state: "cleared" })).toEqual([4, 3, 2, 1]);
    expect(await seqs({ severity: "Critical" })).toEqual([6, 4, 2]);
    expect(await seqs({ nodes: ["n2", "n3"] })).toEqual([6, 5, 4, 3]);
    expect(await seqs({ nodes: [] })).toEqual([]);
    const page = await book.alarms({ ...ALL, limit: 3 }, NEVER);
    expect(page.next).toBe(4);
    expect(await seqs({ before: page.next })).toEqual([3, 2, 1]);
  });

  it("are the same event however often they are heard, and bounded by number and age", async () => {
    const one = { subject: "node:n1", severity: "info", kind: "boot", message: "m" } as const;
    for (let times = 0; times < 3; times++) await events.append({ ...one, id: "e1" });
    await end();
    await begin(10);
    await events.append({ ...one, id: "e1" });
    expect(await turns()).toEqual(["boot"]);
    for (let number = 0; number < 50; number++)
      await events.append({ ...one, message: `${number}` });
    await clock.advance(3_600_000);
    await written();
    const kept = await events.events({ limit: 100 }, NEVER);
    expect(kept.events).toHaveLength(10);
    expect(kept.events[0]?.message).toBe("49");
    clock.stepCalendar(91 * 86_400_000);
    await clock.advance(3_600_000);
    await written();
    expect((await events.events({ limit: 100 }, NEVER)).events).toEqual([]);
  });

  it("are searched among many nodes as among few", async () => {
    for (let number = 0; number < 30; number++) {
      const subject = number % 3 === 0 ? "agent:rack-a" : `node:n${number}`;
      await events.append({ subject, severity: "info", kind: "boot", message: `${number}` });
    }
    const many = Array.from({ length: 6000 }, (_, at) => `n${at + 10}`);
    const found = await events.events({ nodes: many as never, limit: 5 }, NEVER);
    expect(found.events.map(({ message }) => message)).toEqual(["29", "28", "26", "25", "23"]);
    const next = await events.events(
      { nodes: many as never, limit: 50, before: found.next ?? 0 },
      NEVER,
    );
    expect(next.events.at(-1)?.message).toBe("10");
    const few = await events.events({ nodes: many.slice(0, 20) as never, limit: 50 }, NEVER);
    expect(few.events).toHaveLength(found.events.length + next.events.length);
  });
});

function raise(error: unknown): void {
  throw error;
}
