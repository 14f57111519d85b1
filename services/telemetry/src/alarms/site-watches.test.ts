import { nodeId } from "@outrider/contracts/ids";
import { DEFAULT_ALARMS, type AlarmRule } from "@outrider/contracts/telemetry-policy";
import type { VirtualClock } from "@outrider/testing/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import { described, DOMAIN, N1, EngineStage, policyOf } from "../testing/engine-stage.js";
import type { AlarmEngine } from "./alarm-engine.js";
import type { Finding, Place } from "./alarm.js";

const OK = {
  state: "ok",
  spooledPoints: 0,
  spooledBytes: 0,
  droppedPoints: 0,
  refusedPoints: 0,
  series: 0,
} as const;

describe("rules of agents, domains and the store", () => {
  let stage: EngineStage;
  let clock: VirtualClock;
  let engine: AlarmEngine;
  let said: string[];
  let places: Place[];
  let findings: Finding[];
  beforeEach(() => {
    stage = new EngineStage();
    ({ clock, engine, said, places, findings } = stage);
  });
  const pass = (ms: number, every?: number): Promise<void> => stage.pass(ms, every);

  it("say that an agent is away, with what hangs on it, until it is back", async () => {
    engine.describe("n2", { ...described(), id: nodeId("n2") });
    engine.agentDeclared("rack-a", true);
    engine.agentThere("rack-a", true);
    await pass(120_000, 5000);
    engine.agentThere("rack-a", false);
    await pass(59_000);
    engine.agentThere("rack-a", false);
    expect(said).toEqual([]);
    await pass(1000);
    expect(findings).toEqual([
      {
        subject: "agent:rack-a",
        id: "agent-away",
        rule: "agent-away",
        kind: "silent",
        severity: "Critical",
        message:
          "not connected for 60 s: n[1-2] cannot be seen or switched; look at the agent's host, its supply and its network",
      },
    ]);
    expect(places[0]).toEqual({ nodes: ["n1", "n2"], agent: "rack-a" });
    engine.agentThere("rack-a", true);
    expect(said.slice(1)).toEqual(["over agent:rack-a agent-away"]);
  });

  it("say of an agent that it is away where it has never come, and not while it may not have been heard yet", async () => {
    engine.govern(
      policyOf({
        "agent-away": { ...DEFAULT_ALARMS["agent-away"], severity: "Warning", forMs: 0 },
      }),
    );
    engine.agentDeclared("rack-a", true);
    await pass(59_000);
    engine.disconnected();
    await pass(120_000, 5000);
    expect(said).toEqual([]);
    engine.agentDeclared("rack-a", true);
    await pass(59_000);
    expect(said).toEqual([]);
    await pass(1000);
    expect(said).toEqual(["Warning agent:rack-a agent-away"]);
    engine.agentThere("rack-a", true);
    engine.agentThere("rack-a", false);
    expect(said.slice(1)).toEqual([
      "over agent:rack-a agent-away",
      "Warning agent:rack-a agent-away",
    ]);
  });

  it("miss no agent on which nothing hangs, or not any more", async () => {
    engine.agentDeclared("spare", false);
    engine.agentThere("unknown", false);
    engine.agentDeclared("rack-a", true);
    engine.agentThere("rack-a", false);
    await pass(60_000);
    expect(said).toEqual(["Critical agent:rack-a agent-away"]);
    engine.agentDeclared("rack-a", false);
    expect(said).toContain("over agent:rack-a agent-away: nothing hangs on the agent any more");
    await pass(120_000, 5000);
    expect(findings).toHaveLength(1);
  });

  it("see a wrong clock either way", async () => {
    engine.clockSeen("rack-a", -75);
    await pass(10_000);
    expect(findings[0]).toMatchObject({ subject: "agent:rack-a", kind: "clock", value: -75 });
    expect(findings[0]?.message).toContain("75 s behind");
    expect(places[0]).toEqual({ nodes: ["n1"], agent: "rack-a" });
    engine.clockSeen("rack-a", 55);
    expect(said).toHaveLength(1);
    engine.clockSeen("rack-a", 0);
    expect(said.at(-1)).toBe("over agent:rack-a agent-clock");
  });

  it("compare what a domain draws with its budget, in the mean where they say so", async () => {
    const nodes = [N1, nodeId("n2")];
    engine.domains({ "psu-a": { ...DOMAIN, nodes, wattBudget: 100 } });
    engine.draw({ domain: "psu-a", watts: 95, budgetWatts: 100 });
    await pass(60_000);
    expect(findings[0]).toMatchObject({
      subject: "domain:psu-a",
      severity: "Warning",
      value: 95,
      limit: 90,
      unit: "W",
    });
    expect(places[0]).toEqual({ nodes, domain: "psu-a" });
    const watt: AlarmRule = {
      ...DEFAULT_ALARMS["watt-budget"],
      overMs: 3_600_000,
      forMs: 0,
      hysteresis: 0,
    };
    engine.govern(policyOf({ "watt-budget": watt }));
    engine.draw({ domain: "psu-a", watts: 10, budgetWatts: 100 });
    expect(said.at(-1)).toBe("over domain:psu-a watt-budget");
    for (let minute = 0; minute < 60; minute++) {
      await clock.advance(60_000);
      engine.draw({ domain: "psu-a", watts: minute < 30 ? 10 : 150, budgetWatts: 100 });
    }
    // Half an hour at 150 W is 75 Wh: within an hour's budget of 100 Wh.
    expect(said).toHaveLength(2);
  });

  it("of budgets do not end because something is not measured any more, and may begin", async () => {
    engine.forget("n1");
    said.length = 0;
    engine.domains({ "psu-a": { ...DOMAIN, nodes: [N1], wattBudget: 100 } });
    const draw = async (watts: number, unmeasured?: string): Promise<void> => {
      engine.draw({ domain: "psu-a", watts, budgetWatts: 100, unmeasured });
      await pass(60_000, 5000);
    };
    const unmeasured = "nothing is known of n2 until it is measured again";
    await draw(95);
    await draw(10, unmeasured);
    expect(said).toEqual(["Warning domain:psu-a watt-budget"]);
    expect(stage.reworded.at(-1)).toBe(
      "watt-budget: power domain psu-a draws at least 10 W, 10 % of its budget of 100 W; nothing is known of n2 until it is measured again, and this alarm does not end before that",
    );
    engine.draw({ domain: "psu-a", watts: 101, budgetWatts: 100, unmeasured });
    engine.draw({ domain: "psu-a", watts: 92, budgetWatts: 100, unmeasured });
    await pass(60_000, 5000);
    expect(said).toHaveLength(1);
    await draw(101, unmeasured);
    expect(said.slice(1)).toEqual(["Critical domain:psu-a watt-budget"]);
    await draw(10);
    expect(said.slice(2)).toEqual(["over domain:psu-a watt-budget"]);
  });

  it("of budgets take a mean for what it is once all of it was measured", async () => {
    engine.forget("n1");
    said.length = 0;
    const rule: AlarmRule = { ...DEFAULT_ALARMS["watt-budget"], overMs: 600_000, forMs: 0 };
    engine.govern(policyOf({ "watt-budget": rule }));
    engine.domains({ "psu-a": { ...DOMAIN, nodes: [N1], wattBudget: 100 } });
    const draw = async (watts: number, unmeasured?: string): Promise<void> => {
      engine.draw({ domain: "psu-a", watts, budgetWatts: 100, unmeasured });
      await pass(60_000, 5000);
    };
    await draw(95);
    for (let minute = 0; minute < 5; minute++) await draw(5, "n2 is away");
    for (let minute = 0; minute < 9; minute++) await draw(50);
    expect(said).toEqual(["Warning domain:psu-a watt-budget"]);
    await draw(50);
    expect(said.slice(1)).toEqual(["over domain:psu-a watt-budget"]);
  });

  it("of budgets end with the budget or the domain, and know the nodes of domains without one", async () => {
    const rule = { ...DEFAULT_ALARMS["watt-budget"], forMs: 0 };
    engine.govern(policyOf({ "watt-budget": rule }));
    const [a, b] = [
      { ...DOMAIN, wattBudget: 100 },
      { ...DOMAIN, nodes: [N1], wattBudget: 100 },
    ];
    engine.domains({ "psu-a": a, "psu-b": b });
    engine.draw({ domain: "psu-a", watts: 95, budgetWatts: 100 });
    engine.draw({ domain: "psu-b", watts: 95, budgetWatts: 100 });
    expect(said).toHaveLength(2);
    engine.domains({ "psu-b": { ...DOMAIN, nodes: [N1] } });
    expect(said.slice(2)).toEqual([
      "over domain:psu-a watt-budget: the power domain is gone",
      "over domain:psu-b watt-budget: it has no watt budget any more",
    ]);
    engine.power("n1", { supply: "Off", host: "Unknown", fault: "three attempts" });
    expect(places.at(-1)).toEqual({ nodes: ["n1"], agent: "rack-a", domain: "psu-b" });
    engine.domains({});
    engine.power("n1", { supply: "On", host: "Unknown" });
    engine.power("n1", { supply: "Off", host: "Unknown", fault: "three attempts" });
    expect(places.at(-1)).toEqual({ nodes: ["n1"], agent: "rack-a" });
  });

  it("say at once that what is measured is lost, and after a while that it cannot be stored", async () => {
    engine.store(OK);
    engine.store({ ...OK, state: "degraded", detail: "InfluxDB does not answer" });
    await pass(60_000);
    expect(findings[0]).toMatchObject({
      subject: "service:telemetry",
      kind: "fault",
      message: "InfluxDB does not answer",
    });
    engine.store(OK);
    engine.store({ ...OK, droppedPoints: 7 });
    expect(findings[1]).toMatchObject({ subject: "service:telemetry", id: "readings-lost" });
    expect(findings[1]?.message).toContain("lost, points so far: 7 because the spool was full");
  });

  it("only warn of points that came too late, which are of long ago, and say so", async () => {
    engine.forget("n1");
    said.length = 0;
    engine.store(OK);
    engine.store({ ...OK, droppedPoints: 7, latePoints: 7 });
    expect(said).toEqual(["Warning service:telemetry readings-lost"]);
    expect(findings[0]?.message).toBe(
      "what is measured is lost, points so far: 7 because they came so late that only means of their hours are kept, to which nothing can be added: of more than 31 days ago, or of hours that had to make room for newer ones",
    );
    engine.store({ ...OK, droppedPoints: 7, latePoints: 7, refusedPoints: 1 });
    expect(said.slice(1)).toEqual(["Critical service:telemetry readings-lost"]);
    expect(findings[1]?.message).toContain("hours that had to make room for newer ones, 1 because");
    await pass(1_800_000, 10_000);
    engine.store({ ...OK, droppedPoints: 9, latePoints: 9, refusedPoints: 1 });
    await pass(3_600_000, 10_000);
    expect(said.slice(2)).toEqual(["over service:telemetry readings-lost"]);
    engine.store({ ...OK, droppedPoints: 10, latePoints: 10, refusedPoints: 1 });
    expect(said.slice(3)).toEqual(["Warning service:telemetry readings-lost"]);
    // As much after a restart.
    const anew = stage.another();
    const [subject, id] = ["service:telemetry", "readings-lost"];
    anew.restore([{ subject, id, severity: "Warning" }]);
    anew.govern(policyOf());
    anew.store({ ...OK, droppedPoints: 0, latePoints: 0 });
    anew.store({ ...OK, droppedPoints: 1, latePoints: 1 });
    expect(said).toHaveLength(4);
  });

  it("add up what an agent has lost by its kind, whatever is said of each", async () => {
    engine.agentDeclared("rack-a", true);
    const [since, until] = ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:10.000Z"];
    const lose = (readings: number, why?: string): void =>
      engine.agentLost("rack-a", { readings, since, until, ...(why ? { why } : {}) });
    lose(500, "they cannot be read (seq is no number)");
    lose(7, "they cannot be read (at is no time)");
    lose(2);
    lose(3, "they cannot be read (at is no time)");
    lose(1);
    await pass(60_000, 5000);
    expect(stage.reworded.at(-1)).toBe(
      `readings-lost: 510 readings are lost, of ${since} to ${until}: they cannot be read (at is no time). And 3 readings are lost, of ${since} to ${until}: the agent had no room for more; give it more room, or look why it was away so long`,
    );
  });

  it("say that something was lost for an hour after the last of it, however fast it was over", async () => {
    engine.forget("n1");
    said.length = 0;
    engine.store(OK);
    engine.store({ ...OK, refusedPoints: 3 });
    await pass(1_800_000, 10_000);
    engine.store({ ...OK, refusedPoints: 4 });
    await pass(3_590_000, 10_000);
    engine.store({ ...OK, refusedPoints: 4 });
    expect(said).toEqual(["Critical service:telemetry readings-lost"]);
    await pass(10_000);
    expect(said.slice(1)).toEqual(["over service:telemetry readings-lost"]);
  });

  it("let go, once inventory has spoken, of what stood before of nodes, agents and domains that are gone", async () => {
    const anew = stage.another();
    anew.restore(
      [
        "node:n1 silent",
        "node:gone silent",
        "agent:rack-a agent-clock",
        "agent:gone agent-clock",
        "agent:dismissed agent-away",
        "domain:psu-a watt-budget",
        "domain:gone watt-budget",
        "service:telemetry time-series-store",
      ].map((one) => {
        const [subject = "", id = ""] = one.split(" ");
        return { subject, id, severity: "Warning" };
      }),
    );
    anew.govern(policyOf());
    anew.inventorySpeaks();
    anew.agentDeclared("dismissed", false);
    anew.domains({ "psu-a": { ...DOMAIN, wattBudget: 5 } });
    expect(said).toEqual([
      "over agent:dismissed agent-away: nothing hangs on the agent any more",
      "over domain:gone watt-budget: the power domain is gone",
    ]);
    await clock.advance(20_000);
    // What comes after the broker was away is waited for as long again.
    anew.disconnected();
    anew.inventorySpeaks();
    anew.describe("n1", described());
    anew.agentDeclared("rack-a", true);
    anew.agentThere("rack-a", true);
    await clock.advance(20_000);
    anew.tick();
    expect(said).toHaveLength(2);
    await clock.advance(10_000);
    anew.tick();
    expect(said.slice(2)).toEqual([
      "over node:gone silent: the node is gone",
      "over agent:gone agent-clock: nothing hangs on the agent any more",
    ]);
  });

  it("tell a loss from before a restart for as long again", async () => {
    const anew = stage.another();
    const [id, severity] = ["readings-lost", "Critical"] as const;
    anew.restore([
      { subject: "service:telemetry", id, severity },
      { subject: "agent:rack-a", id, severity },
    ]);
    anew.govern(policyOf());
    anew.agentDeclared("rack-a", true);
    anew.agentThere("rack-a", true);
    anew.store(OK);
    await clock.advance(3_590_000);
    anew.tick();
    expect(said).toEqual([]);
    await clock.advance(10_000);
    anew.tick();
    expect(said.toSorted()).toEqual([
      "over agent:rack-a readings-lost",
      "over service:telemetry readings-lost",
    ]);
  });

  it("look at no clock of an agent that is gone, and at it again when it is back", async () => {
    engine.agentDeclared("rack-a", true);
    engine.agentThere("rack-a", true);
    engine.clockSeen("rack-a", 90);
    await pass(10_000);
    engine.agentDeclared("rack-a", false);
    expect(said).toContain("over agent:rack-a agent-clock: nothing hangs on the agent any more");
    engine.clockSeen("rack-a", 91);
    await pass(20_000);
    expect(findings).toHaveLength(1);
    engine.agentDeclared("rack-a", true);
    engine.clockSeen("rack-a", 90);
    await pass(10_000);
    expect(findings).toHaveLength(2);
  });

  it("say that a channel does not take what it is told, until it does", async () => {
    const problem = {
      channel: "phone",
      since: "2026-11-23T01:00:00.000Z",
      messages: 3,
      detail: "ntfy.sh answered 500",
    };
    engine.forget("n1");
    said.length = 0;
    for (let at = 0; at < 900; at += 10) {
      engine.delivery([problem]);
      expect(said).toEqual([]);
      await pass(10_000);
    }
    engine.delivery([problem]);
    expect(said).toEqual(["Critical service:telemetry notifications-failing"]);
    expect(findings[0]).toMatchObject({
      kind: "fault",
      message:
        "channel phone has not taken 3 messages since 2026-11-23T01:00:00.000Z (ntfy.sh answered 500); nobody was told by it. It is told of what it missed when it takes messages again",
    });
    engine.delivery([]);
    expect(said.slice(1)).toEqual(["over service:telemetry notifications-failing"]);
  });
});
