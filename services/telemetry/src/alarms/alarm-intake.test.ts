import type { AgentStatus } from "@outrider/contracts/agent";
import { DEFAULT_ALARMS, type TelemetryPolicy } from "@outrider/contracts/telemetry-policy";
import type { Received } from "@outrider/messaging/session";
import { beforeEach, describe, expect, it } from "vitest";
import { IntakeStage } from "../testing/intake-stage.js";
import type { AlarmBook } from "./alarm-book.js";
import { AlarmEngine } from "./alarm-engine.js";
import { AlarmIntake } from "./alarm-intake.js";

const DROPPED = { readings: 1200, since: "2026-01-01T00:00:00Z", until: "2026-01-01T01:00:00Z" };

describe("what the service hears of agents", () => {
  let stage: IntakeStage;
  let engine: AlarmEngine;
  let intake: AlarmIntake;
  let said: string[];
  let declared: string[];
  beforeEach(() => {
    stage = new IntakeStage();
    said = [];
    declared = [];
    engine = new AlarmEngine(stage.clock, {
      found: ({ subject, id, message }) => void said.push(`${subject} ${id}: ${message}`),
      reworded: ({ subject, id, message }) => void said.push(`now ${subject} ${id}: ${message}`),
      over: ({ subject, id }) => void said.push(`over ${subject} ${id}`),
    });
    const unused = { append: () => Promise.reject(new Error("nothing is asked")) };
    const book: Pick<AlarmBook, "agentDeclared" | "acknowledge"> = {
      agentDeclared: (agent, hasDuties) => void declared.push(`${agent} ${hasDuties}`),
      acknowledge: unused.append,
    };
    intake = new AlarmIntake(engine, book, unused, () => undefined);
    stage.listeners.add(intake);
    const { "agent-away": away, "readings-lost": lost } = DEFAULT_ALARMS;
    const payload: Pick<TelemetryPolicy, "profiles" | "nodes" | "siteRules"> = {
      profiles: [],
      nodes: {},
      siteRules: { "agent-away": away, "readings-lost": lost },
    };
    intake.policy({ payload } as unknown as Received<TelemetryPolicy, object>);
  });

  const says = (agent: string, state: AgentStatus["state"]): void =>
    intake.agent({ payload: { state }, parameters: { agent } } as Received<
      AgentStatus,
      { agent: string }
    >);
  const pass = async (ms: number): Promise<void> => {
    await stage.clock.advance(ms);
    engine.tick();
  };

  it("becomes an alarm when one is away, and its end when it is back", async () => {
    stage.desires("rack-a", "n1");
    says("rack-a", "lost");
    await pass(60_000);
    says("rack-a", "ready");
    expect(said).toEqual([
      "agent:rack-a agent-away: not connected for 60 s: what hangs on it cannot be seen or switched; look at the agent's host, its supply and its network",
      "over agent:rack-a agent-away",
    ]);
  });

  it("tells its clock, and nothing of one that is gone", async () => {
    const clocks: string[] = [];
    stage.listeners.add({ clockSeen: (agent, seconds) => void clocks.push(`${agent} ${seconds}`) });
    stage.desires("rack-a", "n1");
    await stage.sends("rack-a", "n1", { aheadMs: 90_000 });
    expect([clocks, stage.offsets()]).toEqual([["rack-a 90"], ["rack-a 90000"]]);
    stage.desires("rack-a");
    expect(stage.offsets()).toEqual([]);
    expect(declared).toEqual(["rack-a true", "rack-a false"]);
    stage.desires("rack-a", "n1");
    await stage.sends("rack-a", "n1", { seq: 2, aheadMs: 90_000 });
    expect([clocks, stage.offsets()]).toEqual([["rack-a 90", "rack-a 90"], ["rack-a 90000"]]);
  });

  it("becomes an alarm when one could not keep its readings, for an hour", async () => {
    stage.desires("rack-a", "n1");
    says("rack-a", "ready");
    await stage.sends("rack-a", "n1", { dropped: DROPPED });
    expect(said).toEqual([
      "agent:rack-a readings-lost: 1200 readings are lost, of 2026-01-01T00:00:00Z to 2026-01-01T01:00:00Z: the agent had no room for more; give it more room, or look why it was away so long",
    ]);
    await stage.sends("rack-a", "n1", {
      seq: 2,
      dropped: { ...DROPPED, readings: 34, until: "2026-01-01T02:00:00Z" },
    });
    expect(said).toHaveLength(1);
    await pass(3_595_000);
    expect(said.slice(1)).toEqual([
      "now agent:rack-a readings-lost: 1234 readings are lost, of 2026-01-01T00:00:00Z to 2026-01-01T02:00:00Z: the agent had no room for more; give it more room, or look why it was away so long",
    ]);
    await pass(5000);
    expect(said.slice(2)).toEqual(["over agent:rack-a readings-lost"]);
  });
});
