import type { NotificationPolicy } from "@outrider/contracts/telemetry-policy";
import { openStorage } from "@outrider/storage/open-storage";
import type { Storage } from "@outrider/storage/storage";
import type { Posted } from "@outrider/service-kit/outbound/guarded-post";
import { silentLog } from "@outrider/messaging/log";
import { eventually } from "@outrider/testing/eventually";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Standing } from "../alarms/alarm.js";
import { ALARM_MIGRATION } from "../alarms/alarm-migrations.js";
import { Ledger } from "../alarms/ledger.js";
import type { Happened } from "../events/event-log.js";
import type { Message } from "./message.js";
import { Notifier } from "./notifier.js";

const POLICY: NotificationPolicy = {
  channels: { hook: { webhook: { url: "https://hook.example.org/" } } },
  routes: { all: { channels: ["hook"], severity: "Warning" } },
  groupWithinMs: 30_000,
  repeatAfterMs: 3_600_000,
};

describe("telling people", () => {
  let directory: TempDir;
  let storage: Storage;
  let ledger: Ledger;
  let clock: VirtualClock;
  let notifier: Notifier;
  let sent: Message[];
  let happened: Happened[];
  let answer: Posted;
  let answerTo: (message: Message) => Posted;
  const alarms = new Map<number, Standing>();

  beforeEach(async () => {
    directory = await tempDir();
    clock = new VirtualClock();
    alarms.clear();
    sent = [];
    happened = [];
    answer = { ok: true };
    answerTo = () => answer;
    await begin();
  });
  afterEach(async () => {
    await end();
    await directory.remove();
  });

  async function begin(policy = POLICY): Promise<void> {
    storage = await openStorage({
      file: `${directory.path}/t.sqlite`,
      migrations: { namespace: "telemetry", steps: [ALARM_MIGRATION] },
    });
    ledger = new Ledger({ storage, clock, log: silentLog, defect: raise });
    notifier = new Notifier({
      storage,
      ledger,
      clock,
      senders: {
        send: (_, message) => {
          sent.push(message);
          return Promise.resolve(answerTo(message));
        },
      },
      happened: (one) => void happened.push(one),
      standing: () => [...alarms.values()].filter(({ clearedAt }) => clearedAt === undefined),
      bySeq: (seq) => Promise.resolve(alarms.get(seq)),
    });
    await notifier.start();
    await notifier.govern("lab", policy);
  }
  async function end(): Promise<void> {
    await notifier.stop();
    await ledger.stop();
    await storage.close();
  }
  function turn(seq: number, more: Partial<Standing> = {}): void {
    const alarm: Standing = {
      seq,
      subject: `node:n${seq}`,
      id: "silent",
      rule: "silent",
      kind: "silent",
      severity: "Critical",
      message: "silent",
      raisedAt: "2026-11-23T12:00:00.000Z",
      place: { nodes: [`n${seq}`], agent: "rack-a" },
      ...more,
    };
    alarms.set(seq, alarm);
    notifier.changed(alarm);
  }
  const givenUp = (): Happened[] =>
    happened.filter(({ kind }) => kind === "notification-undelivered");
  const over = (seq: number): void => turn(seq, { clearedAt: "2026-11-23T13:00:00.000Z" });
  const arrives = (count: number): Promise<unknown> =>
    eventually(`${count} were sent`, () => sent.length >= count);
  /** What is under way in the database is done: everything is written in order. */
  const settled = (): Promise<void> => ledger.put([{ sql: "DELETE FROM telemetry_policies" }]);

  it("waits for what comes with it, then says it once, and once that it is over", async () => {
    turn(1);
    await clock.advance(20_000);
    turn(2);
    await clock.advance(9000);
    await settled();
    expect(sent).toEqual([]);
    await clock.advance(1000);
    await arrives(1);
    expect(sent[0]).toMatchObject({ kind: "raised", nodes: "n[1-2]" });
    over(1);
    over(2);
    await clock.advance(30_000);
    await arrives(2);
    await clock.advance(10_000_000);
    await settled();
    expect(sent.map(({ kind }) => kind)).toEqual(["raised", "resolved"]);
  });

  it("says nothing of what has come and gone meanwhile, or that somebody has seen before", async () => {
    turn(1);
    await clock.advance(10_000);
    over(1);
    turn(2);
    turn(2, { acknowledged: { actor: "person:ada", at: "2026-11-23T12:00:01.000Z" } });
    await clock.advance(7_200_000);
    await settled();
    expect(sent).toEqual([]);
  });

  it("says again what nobody has seen, and not what somebody has", async () => {
    turn(1);
    turn(2);
    await clock.advance(30_000);
    await arrives(1);
    turn(2, { acknowledged: { actor: "person:ada", at: "2026-11-23T12:00:01.000Z" } });
    await clock.advance(3_640_000);
    await arrives(2);
    expect(sent[1]).toMatchObject({ kind: "reminder", nodes: "n1" });
    over(2);
    await clock.advance(30_000);
    await arrives(3);
    expect(sent[2]).toMatchObject({ kind: "resolved", nodes: "n2" });
  });

  it("does not say again what has become less than a channel is for, but that it is over", async () => {
    await end();
    await begin({ ...POLICY, routes: { night: { channels: ["hook"], severity: "Critical" } } });
    turn(1);
    await clock.advance(30_000);
    await arrives(1);
    turn(1, { severity: "Warning" });
    await clock.advance(3_640_000);
    await clock.advance(3_640_000);
    await settled();
    expect(sent).toHaveLength(1);
    turn(1);
    await clock.advance(31_000);
    await arrives(2);
    expect(sent[1]).toMatchObject({ kind: "reminder", severity: "Critical" });
    turn(1, { severity: "Warning" });
    over(1);
    await clock.advance(30_000);
    await arrives(3);
    expect(sent[2]).toMatchObject({ kind: "resolved", nodes: "n1" });
  });

  it("says after a restart what it owes, and nothing twice", async () => {
    turn(1);
    await clock.advance(30_000);
    await arrives(1);
    turn(2);
    await settled();
    await end();
    alarms.set(1, { ...(alarms.get(1) as Standing), clearedAt: "2026-11-23T13:00:00.000Z" });
    await begin();
    await clock.advance(30_000);
    await arrives(3);
    await settled();
    expect(
      sent
        .slice(1)
        .map(({ kind, nodes }) => `${kind} ${nodes}`)
        .toSorted(),
    ).toEqual(["raised n2", "resolved n1"]);
    expect(await storage.all("SELECT alarm FROM telemetry_told")).toEqual([{ alarm: 2 }]);
    expect(await storage.all("SELECT id FROM telemetry_notifications")).toEqual([]);
  });

  it("tries again, ever more rarely, says that it fails once, and what was never told", async () => {
    answer = { ok: false, detail: "hook.example.org answered 500" };
    turn(1);
    await clock.advance(30_000);
    await arrives(1);
    await clock.advance(5000);
    await arrives(2);
    await clock.advance(9000);
    expect(sent).toHaveLength(2);
    await clock.advance(1000);
    await arrives(3);
    expect(happened.map(({ kind }) => kind)).toEqual(["notification-failed"]);
    // What waits is there after a restart, too, with its number of attempts.
    await settled();
    await end();
    await begin();
    await arrives(4);
    for (let tries = 0; tries < 12; tries++) await clock.advance(900_000);
    await eventually("it is given up", () =>
      happened.some(({ kind }) => kind === "notification-undelivered"),
    );
    expect(happened.at(-1)?.message).toContain("hook.example.org answered 500");
    answer = { ok: true };
    over(1);
    // Reminders wait before it, as long as the longest pause is.
    await clock.advance(930_000);
    await eventually("it works", () => happened.at(-1)?.kind === "notification-works");
  });

  it("tells what was never taken in one message as soon as anything is taken again, also after a restart", async () => {
    answer = { ok: false, detail: "hook.example.org answered 500" };
    turn(1);
    await clock.advance(30_000);
    await arrives(1);
    expect(notifier.problems()).toMatchObject([
      { channel: "hook", messages: 1, detail: "hook.example.org answered 500" },
    ]);
    // Some hours: reminders come and are too late as well.
    for (let tries = 0; tries < 40; tries++) {
      await settled();
      await clock.advance(900_000);
    }
    await eventually("some are given up", () => givenUp().length >= 2);
    await settled();
    await end();
    const before = sent.length;
    answer = { ok: true };
    await begin();
    const missed = await eventually("it is told", () =>
      sent.slice(before).find(({ kind }) => kind === "missed"),
    );
    expect(missed).toMatchObject({ severity: "Critical", site: "lab" });
    expect(missed.title).toMatch(/^\[lab\] Missed: \d+ messages were not taken, /);
    expect(missed.text).toContain("[lab] Critical: n1: silent");
    await eventually("nothing is wrong any more", () => notifier.problems().length === 0);
    await settled();
    expect(sent.slice(before).filter(({ kind }) => kind === "missed")).toHaveLength(1);
    expect(await storage.all("SELECT id FROM telemetry_notifications")).toEqual([]);
  });

  it("tries once in a while whether a channel takes what it missed, where there is nothing else to tell", async () => {
    await end();
    await begin({ ...POLICY, repeatAfterMs: 0 });
    answer = { ok: false, detail: "no" };
    turn(1);
    await clock.advance(30_000);
    for (let tries = 0; tries < 16; tries++) {
      await settled();
      await clock.advance(900_000);
    }
    await eventually("it is given up", () => givenUp().length === 1);
    answer = { ok: true };
    await clock.advance(900_000);
    await eventually("it is told", () => sent.at(-1)?.kind === "missed");
    expect(sent.at(-1)?.title).toContain("a message was not taken");
    expect(happened.at(-1)?.kind).toBe("notification-works");
  });

  it("holds up nothing for what is refused for good, and tells it with the next that is taken", async () => {
    const tooLarge: Posted = { ok: false, detail: "hook answered 413", permanent: true };
    answerTo = ({ nodes }) => (nodes === "n1" ? tooLarge : { ok: true });
    turn(1);
    turn(2, { rule: "hot", place: { nodes: ["n2"], agent: "rack-b" } });
    await clock.advance(30_000);
    await eventually("all is told", () => sent.length >= 3);
    await settled();
    expect(sent.map(({ kind, nodes }) => [kind, nodes])).toEqual([
      ["raised", "n1"],
      ["raised", "n2"],
      ["missed", ""],
    ]);
    expect(sent[2]?.text).toContain("[lab] Critical: n1: silent");
    expect(happened.map(({ kind }) => kind)).toEqual(["notification-undelivered"]);
    expect(notifier.problems()).toEqual([]);
    expect(await storage.all("SELECT id FROM telemetry_notifications")).toEqual([]);
  });

  it("tells what was missed in a few words where all of it is refused", async () => {
    const tooLarge: Posted = { ok: false, detail: "hook answered 413", permanent: true };
    answerTo = ({ alarms: told }) =>
      told.some(({ subject }) => subject === "node:n1") ? tooLarge : { ok: true };
    turn(1);
    turn(2, { rule: "hot", place: { nodes: ["n2"], agent: "rack-b" } });
    await clock.advance(30_000);
    await eventually("all is told", () => sent.length >= 4);
    expect(sent.at(-1)).toMatchObject({ kind: "missed", alarms: [], total: 1 });
    expect(sent.at(-1)?.text).toContain("[lab] Critical: n1: silent");
    expect(notifier.problems()).toEqual([]);
  });

  it("finds out by something new that a channel works again, and does not ask more often for it", async () => {
    await end();
    await begin({ ...POLICY, groupWithinMs: 0, repeatAfterMs: 0 });
    const attempts = (): Promise<unknown> =>
      storage.all("SELECT attempts FROM telemetry_notifications ORDER BY made_ms, id");
    answer = { ok: false, detail: "hook answered 500" };
    turn(1);
    await clock.advance(1000);
    await arrives(1);
    for (let minutes = 0; minutes < 60; minutes++) await clock.advance(60_000);
    // The next attempt at the first would be some minutes away.
    await settled();
    const [before, triedBefore] = [await attempts(), sent.length];
    for (let seq = 2; seq < 62; seq++) {
      turn(seq, { rule: `rule-${seq}`, place: { nodes: [`n${seq}`] } });
      await clock.advance(1000);
      await settled();
    }
    await eventually("it was tried", () => sent.length > triedBefore);
    expect(sent.length - triedBefore).toBeLessThanOrEqual(3);
    expect(await attempts()).toEqual([
      ...(before as unknown[]),
      ...Array.from({ length: 60 }, () => ({ attempts: 0 })),
    ]);
    const from = sent.length;
    answer = { ok: true };
    turn(62, { rule: "rule-62", place: { nodes: ["n62"] } });
    await clock.advance(1000);
    await settled();
    await clock.advance(30_000);
    await eventually("all is told", () => sent.length - from >= 62);
    expect(sent.slice(from).map(({ nodes }) => nodes)).toEqual(
      Array.from({ length: 62 }, (_, index) => `n${index + 1}`),
    );
    expect(happened.at(-1)?.kind).toBe("notification-works");
  });

  it("tries at once what waits when the channel is another one", async () => {
    answer = { ok: false, detail: "no" };
    turn(1);
    await clock.advance(30_000);
    await arrives(1);
    for (let minutes = 0; minutes < 10; minutes++) await clock.advance(60_000);
    const from = sent.length;
    answer = { ok: true };
    const channels = { hook: { webhook: { url: "https://other.example.org/" } } };
    await notifier.govern("lab", { ...POLICY, channels });
    await eventually("it is told", () => sent.length > from);
    expect(notifier.problems()).toEqual([]);
  });

  it("forgets a channel that is gone, with all that was to be told by it", async () => {
    answer = { ok: false, detail: "no" };
    turn(1);
    await clock.advance(30_000);
    await arrives(1);
    await notifier.govern("lab", { ...POLICY, channels: {}, routes: {} });
    await settled();
    expect(await storage.all("SELECT id FROM telemetry_notifications")).toEqual([]);
    expect(await storage.all("SELECT alarm FROM telemetry_told")).toEqual([]);
  });
});

function raise(error: unknown): void {
  throw error;
}
