import { silentLog } from "@outrider/messaging/log";
import { Session } from "@outrider/messaging/session";
import { openStorage } from "@outrider/storage/open-storage";
import type { Storage } from "@outrider/storage/storage";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
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
  message: "n1 is hot",
};

describe("alarms in the time-series store", () => {
  let directory: TempDir;
  let storage: Storage;
  let clock: VirtualClock;
  let points: Point[];
  let book: AlarmBook;
  let end: () => Promise<void>;

  beforeEach(async () => {
    directory = await tempDir();
    clock = new VirtualClock();
    points = [];
    await begin();
  });
  afterEach(async () => {
    await end();
    await directory.remove();
  });

  async function begin(): Promise<void> {
    storage = await openStorage({
      file: `${directory.path}/t.sqlite`,
      migrations: { namespace: "telemetry", steps: [ALARM_MIGRATION] },
    });
    const defect = (error: unknown): never => {
      throw error;
    };
    const ledger = new Ledger({ storage, clock, log: silentLog, defect });
    // Never connected: what is stored does not wait for the broker.
    const session = new Session({ url: "mqtt://127.0.0.1:1", clientId: "telemetry" });
    const put = (more: readonly Point[]): void => {
      points.push(...more.filter(({ measurement }) => measurement.endsWith("_alarm")));
    };
    const events = new EventLog({ storage, ledger, session, clock, put });
    book = new AlarmBook({
      storage,
      ledger,
      events,
      session,
      clock,
      health: new AlarmHealth(),
      put,
    });
    await events.start();
    await book.start();
    end = async () => {
      book.stop();
      events.stop();
      await ledger.stop();
      await storage.close();
    };
  }
  const severities = (): (number | undefined)[] => points.map(({ fields }) => fields["severity"]);

  it("stand there as long as they stand, each minute, and are over once", async () => {
    book.found(HOT, { nodes: ["n1"] });
    expect(points).toEqual([
      {
        measurement: "node_alarm",
        tags: { node: "n1", alarm: "hot-soc" },
        atMs: clock.now().getTime(),
        fields: { severity: 1 },
      },
    ]);
    await clock.advance(120_000);
    book.found({ ...HOT, severity: "Critical" }, { nodes: ["n1"] });
    await clock.advance(60_000);
    book.over(HOT);
    await clock.advance(180_000);
    expect(severities()).toEqual([1, 1, 1, 2, 2, 0]);
  });

  it("stand there also after a restart", async () => {
    book.found(HOT, { nodes: ["n1"] });
    await end();
    points = [];
    await begin();
    await clock.advance(60_000);
    expect(severities()).toEqual([1]);
  });

  it("stand apart where they are of no node", async () => {
    book.found({ ...HOT, subject: "agent:rack-a" }, { nodes: [] });
    await clock.advance(60_000);
    const tags = { subject: "agent:rack-a", alarm: "hot-soc" };
    expect(points).toMatchObject([
      { measurement: "site_alarm", tags, fields: { severity: 1 } },
      { measurement: "site_alarm", tags, fields: { severity: 1 } },
    ]);
  });
});
