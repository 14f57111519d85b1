import { nodeId } from "@outrider/contracts/ids";
import { silentLog } from "@outrider/messaging/log";
import { openStorage } from "@outrider/storage/open-storage";
import type { Storage } from "@outrider/storage/storage";
import { tempDir, type TempDir } from "@outrider/testing/temp-dir";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TELEMETRY_MIGRATIONS } from "../migrations.js";
import { AlarmHistory } from "./alarm-history.js";
import { Ledger } from "./ledger.js";

const NEVER = new AbortController().signal;
const COUNT = 4000;

describe("alarms that are over", () => {
  let directory: TempDir;
  let clock: VirtualClock;
  let storage: Storage;
  let ledger: Ledger;
  let history: AlarmHistory;
  /** Rows that were read. */
  let rows: number;

  beforeEach(async () => {
    directory = await tempDir();
    clock = new VirtualClock();
    rows = 0;
    const opened = await openStorage({
      file: `${directory.path}/t.sqlite`,
      migrations: { namespace: "telemetry", steps: TELEMETRY_MIGRATIONS },
    });
    storage = opened;
    const counting: Pick<Storage, "all"> = {
      all: async <T extends object>(...asked: Parameters<Storage["all"]>): Promise<T[]> => {
        const found = await opened.all<T>(...asked);
        rows += found.length;
        return found;
      },
    };
    const defect = (error: unknown): never => {
      throw error;
    };
    ledger = new Ledger({ storage, clock, log: silentLog, defect });
    history = new AlarmHistory({
      storage: counting,
      ledger,
      clock,
      newest: () => COUNT,
      mostKept: 100,
    });
    const nowMs = clock.now().getTime();
    await storage.write(
      Array.from({ length: COUNT }, (_, at) => {
        const [subject, severity] = [`node:n${at % 100}`, at % 2 === 0 ? "Warning" : "Critical"];
        return {
          sql: `INSERT INTO telemetry_alarms (seq, subject, node, id, severity, raised_ms, cleared_ms, alarm)
            VALUES (?, ?, ?, 'hot', ?, ?, ?, ?)`,
          params: [
            at + 1,
            subject,
            `n${at % 100}`,
            severity,
            nowMs,
            at === COUNT - 1 ? null : nowMs,
            JSON.stringify({ subject, severity, id: "hot" }),
          ],
        };
      }),
    );
  });
  afterEach(async () => {
    history.stop();
    await ledger.stop();
    await storage.close();
    await directory.remove();
  });

  it("of one node are found without a look at those of others", async () => {
    const found = await history.cleared({ nodes: [nodeId("n7")] }, 11, NEVER);
    expect(found.map(({ seq }) => seq).slice(0, 3)).toEqual([3908, 3808, 3708]);
    expect([found.length, rows]).toEqual([11, 11]);
    const nodes = [nodeId("n7"), nodeId("n8")];
    const warnings = await history.cleared({ nodes, severity: "Warning" }, 1000, NEVER);
    expect(new Set(warnings.map(({ subject }) => subject))).toEqual(new Set(["node:n8"]));
    expect([warnings.length, rows]).toEqual([40, 51]);
  });

  it("are found the same among more nodes than a question can name", async () => {
    const nodes = Array.from({ length: 6000 }, (_, at) => nodeId(`n${at + 98}`));
    const found = await history.cleared({ nodes, before: 300 }, 100, NEVER);
    expect(found.map(({ seq }) => seq)).toEqual([299, 200, 199, 100, 99]);
    expect(await history.cleared({ nodes }, 3, NEVER)).toHaveLength(3);
  });

  it("are so many at most, also while the service runs on, and what stands is none of them", async () => {
    const kept = async (): Promise<number> => {
      await ledger.put([{ sql: "DELETE FROM telemetry_policies" }]);
      return (await storage.all("SELECT seq FROM telemetry_alarms")).length;
    };
    history.start();
    expect(await kept()).toBe(100);
    clock.stepCalendar(366 * 86_400_000);
    await clock.advance(3_600_000);
    expect(await kept()).toBe(1);
  });
});
