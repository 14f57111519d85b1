import { POWER_COMMAND_ACT, type AuditRecord } from "@outrider/contracts/audit";
import { powerResult } from "@outrider/contracts/power";
import { serviceStatus } from "@outrider/contracts/service";
import { serviceReply, serviceRequest } from "@outrider/contracts/service-plane";
import type { LoggedEvents } from "@outrider/contracts/telemetry-pages";
import { eventually } from "@outrider/testing/eventually";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TelemetryStage } from "../testing/telemetry-stage.js";

const ACTOR = "person:ada";

describe("results of power commands that were told while nobody listened", () => {
  let stage: TelemetryStage;
  /** The power service's audit log, oldest first. */
  const audit: AuditRecord[] = [];
  let asked = 0;

  beforeEach(async () => {
    audit.length = 0;
    asked = 0;
    stage = await TelemetryStage.start(["n1"]);
    const { power } = stage;
    // In pages of one, so that more than one is asked for.
    power.subscribe(
      serviceRequest,
      { service: "power", operation: "search-audit" },
      async ({ payload: { id, client, body } }) => {
        asked += 1;
        const { since = "", before = Number.MAX_SAFE_INTEGER } = body as {
          since?: string;
          before?: number;
        };
        const found = audit.filter(({ at, seq }) => at >= since && seq < before);
        const records = found.slice(-1);
        const next = found.length > 1 ? { next: found.at(-1)?.seq } : {};
        await power.publish(
          serviceReply,
          { service: "power", client, id },
          { id, body: { records, ...next } },
        );
      },
    );
    power.retain(
      serviceStatus,
      { service: "power" },
      { state: "ready", instance: "p1", version: "0", startedAt: new Date().toISOString() },
    );
  });
  afterEach(() => stage?.[Symbol.asyncDispose]());

  function recorded(id: string, status: string): void {
    const record = {
      at: new Date().toISOString(),
      log: "power",
      actor: ACTOR,
      via: "rest",
      act: POWER_COMMAND_ACT,
      subject: "n1",
    } as const;
    const data = { id, action: "PowerCycle", run: id };
    audit.push({ ...record, seq: audit.length + 1, stage: "intent", data });
    audit.push({ ...record, seq: audit.length + 1, stage: "outcome", data: { ...data, status } });
  }
  async function results(): Promise<string[]> {
    const { events } = await stage.page<LoggedEvents>("events", {
      kinds: ["power-result"],
      limit: 100,
    });
    return events.map(({ message }) => message).toReversed();
  }
  const tell = (id: string): Promise<void> => {
    const at = new Date().toISOString();
    return stage.power.publish(
      powerResult,
      { node: "n1" },
      {
        id: id as never,
        seq: 1,
        action: "PowerCycle",
        status: "Failed",
        terminal: true,
        detail: "heard",
        actor: ACTOR,
        via: "rest",
        startedAt: at,
        endedAt: at,
      },
    );
  };

  it("are taken from the power service's audit log, once each, in order", async () => {
    await eventually("it listens", () => stage.statuses.some(({ node }) => node === "n1"));
    recorded("c1", "Failed");
    await tell("c1");
    await eventually("it is heard", async () => (await results()).length === 1);
    await stage.service.kill("SIGKILL");
    recorded("c2", "Succeeded");
    recorded("c3", "TimedOut");
    await stage.startService();
    await eventually("the others are there", async () => (await results()).length >= 3);
    const all = [
      `PowerCycle by ${ACTOR}: Failed; heard`,
      `PowerCycle by ${ACTOR}: Succeeded`,
      `PowerCycle by ${ACTOR}: TimedOut`,
    ];
    expect(await results()).toEqual(all);
    // And not again by the next start.
    const before = asked;
    await stage.service.kill("SIGKILL");
    recorded("c4", "Succeeded");
    await stage.startService();
    await eventually("it is asked again", () => asked > before);
    await eventually("the newest is there", async () => (await results()).length >= 4);
    expect(await results()).toEqual([...all, `PowerCycle by ${ACTOR}: Succeeded`]);
  });
});
