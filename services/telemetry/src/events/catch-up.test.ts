import type { AuditPage } from "@outrider/contracts/audit";
import { timestamp } from "@outrider/contracts/clock";
import type { ServiceStatus } from "@outrider/contracts/service";
import type { LoggedEvents } from "@outrider/contracts/telemetry-pages";
import { silentLog } from "@outrider/messaging/log";
import type { Received } from "@outrider/messaging/session";
import { StorageError, type StorageErrorCode } from "@outrider/storage/storage-error";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import { CatchUp } from "./catch-up.js";

const READY = {
  payload: { state: "ready" },
  parameters: { service: "power" },
} as Received<ServiceStatus, { service: string }>;

describe("catching up while the database is away", () => {
  let clock: VirtualClock;
  let catchUp: CatchUp;
  let written: string[];
  let defects: unknown[];
  /** What the next look into the log fails with. */
  let fails: StorageErrorCode | undefined;

  beforeEach(async () => {
    clock = new VirtualClock();
    written = [];
    defects = [];
    fails = undefined;
    const command = {
      seq: 1,
      at: timestamp(clock),
      log: "power",
      actor: "person:ada",
      via: "rest",
      act: "power.command",
      subject: "n1",
      stage: "outcome",
      data: { id: "c1", action: "PowerCycle", status: "Succeeded" },
    };
    catchUp = new CatchUp({
      clock,
      log: silentLog,
      defect: (error) => defects.push(error),
      asking: {
        ask: () => Promise.resolve({ records: [command] } as unknown as AuditPage),
      } as never,
      events: {
        append: ({ message }) => Promise.resolve(void written.push(message)),
        events: () => {
          const code = fails;
          fails = undefined;
          if (code) return Promise.reject(new StorageError(code, "it is away"));
          return Promise.resolve({ events: [] } as LoggedEvents);
        },
      },
    });
    await catchUp.start();
    catchUp.disconnected();
  });

  it("goes on when it is back", async () => {
    fails = "unreachable";
    catchUp.service(READY);
    await clock.advance(1000);
    expect(defects).toEqual([]);
    expect(written).toEqual([]);
    await clock.advance(10_000);
    expect(defects).toEqual([]);
    expect(written).toEqual(["PowerCycle by person:ada: Succeeded"]);
    catchUp.service(READY);
    await clock.advance(10_000);
    expect(written).toHaveLength(1);
  });

  it("ends for a defect of ours", async () => {
    fails = "programming";
    catchUp.service(READY);
    await clock.advance(20_000);
    expect(defects).toEqual([expect.objectContaining({ code: "programming" })]);
    expect(written).toEqual([]);
  });
});
