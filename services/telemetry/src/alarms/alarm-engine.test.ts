import { agentId, endpointId, nodeId } from "@outrider/contracts/ids";
import type { NodeDescription } from "@outrider/contracts/node";
import {
  DEFAULT_ALARMS,
  type AlarmRule,
  type TelemetryPolicy,
} from "@outrider/contracts/telemetry-policy";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import { AlarmEngine } from "./alarm-engine.js";
import type { Finding, Place } from "./alarm.js";

const N1 = nodeId("n1");

function described(
  sensors: Readonly<Record<string, string>> = { soc: "thermal" },
): NodeDescription {
  const agent = agentId("rack-a");
  return {
    id: N1,
    name: "One",
    roles: [],
    labels: {},
    supportedActions: ["On"],
    gracefulLimitMs: 1000,
    interfaces: {
      power: [{ agent, endpoint: endpointId("n1", "power"), driver: "gpio" }],
      sensor: Object.entries(sensors).map(([name, driver]) => ({
        agent,
        endpoint: endpointId("n1", "sensor", name),
        driver,
      })),
      heartbeat: [{ agent, endpoint: endpointId("n1", "heartbeat", "lan"), driver: "ping" }],
    },
  };
}

const DOMAIN = { nodes: [], startSpacingMs: 0, startDurationMs: 0, oneAgent: true };
const SITE_RULES = [
  "agent-clock",
  "agent-away",
  "watt-budget",
  "time-series-store",
  "readings-lost",
];

function policyOf(more: Readonly<Record<string, AlarmRule>> = {}): TelemetryPolicy {
  const all = Object.entries<AlarmRule>({ ...DEFAULT_ALARMS, ...more });
  const isOfSite = ([name]: [string, AlarmRule]): boolean => SITE_RULES.includes(name);
  return {
    site: "lab",
    profiles: [{ rules: Object.fromEntries(all.filter((one) => !isOfSite(one))) }],
    nodes: { n1: 0 },
    siteRules: Object.fromEntries(all.filter(isOfSite)),
    notifications: { channels: {}, routes: {}, groupWithinMs: 0, repeatAfterMs: 0 },
  };
}

const OK = {
  state: "ok",
  spooledPoints: 0,
  spooledBytes: 0,
  droppedPoints: 0,
  refusedPoints: 0,
  series: 0,
} as const;

describe("rules", () => {
  let clock: VirtualClock;
  let engine: AlarmEngine;
  let said: string[];
  let places: Place[];
  let findings: Finding[];

  beforeEach(() => {
    clock = new VirtualClock();
    said = [];
    places = [];
    findings = [];
    engine = new AlarmEngine(clock, {
      found: (finding, place) => {
        findings.push(finding);
        places.push(place);
        said.push(`${finding.severity} ${finding.subject} ${finding.id}`);
      },
      over: ({ subject, id }, why) =>
        void said.push(`over ${subject} ${id}${why === undefined ? "" : `: ${why}`}`),
    });
    engine.govern(policyOf());
    engine.describe("n1", described());
  });

  const temperature = (value: number): void =>
    engine.read("n1", "soc", { values: { temperatureCelsius: value } });
  const pass = async (ms: number, every = 1000): Promise<void> => {
    for (let left = ms; left > 0; left -= every) {
      await clock.advance(Math.min(every, left));
      engine.tick();
    }
  };

  it("of the product know when a processor is too hot, for how long, and when it has cooled", async () => {
    temperature(76);
    await pass(9000);
    expect(said).toEqual([]);
    await pass(1000);
    expect(said).toEqual(["Warning node:n1 soc-temperature-soc"]);
    expect(findings[0]).toMatchObject({
      value: 76,
      limit: 75,
      unit: "°C",
      message: "temperature of soc is 76 °C; its upper warning limit is 75 °C",
    });
    expect(places[0]).toEqual({ nodes: ["n1"], agent: "rack-a" });
    temperature(90);
    await pass(10_000);
    temperature(83);
    temperature(71);
    expect(said.slice(1)).toEqual([
      "Critical node:n1 soc-temperature-soc",
      "over node:n1 soc-temperature-soc",
    ]);
  });

  it("of a driver look at sensors of others not at all", async () => {
    engine.describe("n1", described({ soc: "hwmon" }));
    temperature(120);
    await pass(60_000);
    expect(findings).toEqual([]);
  });

  it("say of a Raspberry Pi and of disks what their flags say", () => {
    engine.read("n1", "soc", { values: { underVoltage: 1, diskHealthy: 0 } });
    expect(findings.map(({ message }) => message)).toEqual([
      "under voltage of soc is yes",
      "disk healthy of soc is no",
    ]);
    engine.read("n1", "soc", { values: { underVoltage: 0, diskHealthy: 1 } });
    expect(said.slice(2)).toHaveLength(2);
  });

  it("say that readings are missing, with the reason, and not of what is off", async () => {
    temperature(50);
    engine.read("n1", "soc", { absent: { temperatureCelsius: "TimedOut" } });
    await pass(299_000, 10_000);
    expect(said).toEqual([]);
    await pass(5000);
    expect(said).toEqual(["Warning node:n1 readings-missing-soc"]);
    expect(findings[0]?.message).toBe("no reading of soc for 5 min: TimedOut");
    engine.read("n1", "soc", { absent: { temperatureCelsius: "DeviceOff" } });
    expect(said.slice(1)).toEqual(["over node:n1 readings-missing-soc"]);
    engine.power("n1", { supply: "Off", host: "Unknown" });
    await pass(900_000, 10_000);
    expect(said).toHaveLength(2);
    engine.power("n1", { supply: "On", host: "Running" });
    await pass(290_000, 10_000);
    expect(said).toHaveLength(2);
    await pass(20_000, 10_000);
    expect(said).toHaveLength(3);
  });

  it("keep an alarm while nobody can look, and let it go where there is nothing any more", async () => {
    temperature(90);
    await pass(10_000);
    engine.expired("n1", "soc");
    engine.read("n1", "soc", { absent: { temperatureCelsius: "NoReading" } });
    expect(said).toEqual(["Critical node:n1 soc-temperature-soc"]);
    engine.read("n1", "soc", { absent: { temperatureCelsius: "DeviceOff" } });
    expect(said.slice(1)).toEqual(["over node:n1 soc-temperature-soc"]);
  });

  it("take silence for wrong only while there is supply and the host has not halted", async () => {
    engine.power("n1", { supply: "On", host: "Running" });
    engine.liveness("n1", "Silent");
    await pass(59_000);
    expect(said).toEqual([]);
    await pass(1000);
    expect(said).toEqual(["Critical node:n1 silent"]);
    engine.liveness("n1", "Unknown");
    expect(said).toHaveLength(1);
    engine.power("n1", { supply: "Off", host: "Unknown" });
    expect(said.slice(1)).toEqual(["over node:n1 silent"]);
    engine.liveness("n1", "Silent");
    engine.power("n1", { supply: "On", host: "Halted" });
    await pass(120_000, 5000);
    expect(said).toHaveLength(2);
  });

  it("take silence for wrong also where nobody knows of the supply, as when a switch that gives it has died", async () => {
    engine.power("n1", { supply: "On", host: "Running" });
    engine.power("n1", { supply: "Unknown", host: "Unknown", fault: undefined });
    engine.liveness("n1", "Silent");
    await pass(59_000);
    expect(said).toEqual([]);
    await pass(1000);
    expect(said).toEqual(["Critical node:n1 silent"]);
    expect(findings[0]?.message).toBe(
      "no sign of life for 60 s, and it is not known whether it has supply; look at what gives it",
    );
    engine.liveness("n1", "Alive");
    expect(said.slice(1)).toEqual(["over node:n1 silent"]);
  });

  it("give what is heard after a start a minute before silence without a known supply counts", async () => {
    engine.govern(policyOf({ silent: { ...DEFAULT_ALARMS.silent, forMs: 0 } }));
    engine.liveness("n1", "Silent");
    await pass(30_000);
    engine.power("n1", { supply: "Off", host: "Unknown" });
    await pass(120_000, 5000);
    expect(said).toEqual([]);
  });

  it.each([
    { supply: "Off", host: "Unknown" },
    { supply: "On", host: "Halted" },
  ] as const)("expect silence of what was down when it was known last: %o", async (down) => {
    engine.power("n1", down);
    engine.liveness("n1", "Silent");
    engine.power("n1", { supply: "Unknown", host: "Unknown" });
    await pass(120_000, 5000);
    expect(said).toEqual([]);
    engine.power("n1", { supply: "On", host: "Unknown" });
    await pass(60_000);
    expect(said).toEqual(["Critical node:n1 silent"]);
  });

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

  it("pass on a fault of power", () => {
    engine.power("n1", { supply: "Off", host: "Unknown", fault: "three attempts" });
    expect(findings[0]).toMatchObject({
      id: "power-fault",
      kind: "fault",
      message: "power-on attempts are exhausted: three attempts",
    });
    engine.power("n1", { supply: "On", host: "Unknown" });
    expect(said.at(-1)).toBe("over node:n1 power-fault");
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

  it("of rates see how fast it gets hotter", async () => {
    const heating: AlarmRule = {
      kind: "rate",
      quantity: "temperatureCelsius",
      upper: { warning: 3 },
      per: "minute",
      overMs: 120_000,
      hysteresis: 0,
      forMs: 0,
    };
    engine.govern(policyOf({ heating }));
    for (let at = 0; at <= 120; at += 10) {
      temperature(20 + at / 15);
      await pass(10_000);
    }
    expect(said).toEqual(["Warning node:n1 heating-soc"]);
    expect(findings[0]).toMatchObject({ unit: "°C/minute", limit: 3 });
    expect(findings[0]?.message).toBe(
      "temperature of soc rises by 4 °C in a minute; its upper warning limit is 3 °C",
    );
  });

  it("that are changed or gone take their alarms with them, and no other", async () => {
    temperature(90);
    await pass(10_000);
    const { "soc-temperature": rule } = DEFAULT_ALARMS;
    engine.govern(policyOf({ "soc-temperature": { ...rule, upper: { critical: 89 } } }));
    temperature(89.5);
    expect(said).toHaveLength(1);
    engine.govern(policyOf({ "soc-temperature": { ...rule, sensor: "other" } }));
    expect(said.slice(1)).toContain("over node:n1 soc-temperature-soc: its rule is gone");
    said.length = 0;
    engine.forget("n1");
    expect(said.every((one) => one.endsWith("the node is gone"))).toBe(true);
  });

  it("go on after a restart where they were, and let go of what can never end", async () => {
    const anew = new AlarmEngine(clock, {
      found: ({ id }) => void said.push(`found ${id}`),
      over: ({ subject, id }, why) => void said.push(`over ${subject} ${id}: ${why}`),
    });
    anew.restore([
      { subject: "node:n1", id: "soc-temperature-soc", severity: "Critical" },
      { subject: "node:n1", id: "readings-missing-soc", severity: "Warning" },
      { subject: "node:n1", id: "soc-temperature-gone", severity: "Critical" },
      { subject: "node:n2", id: "silent", severity: "Critical" },
      { subject: "agent:rack-a", id: "agent-clock", severity: "Warning" },
      { subject: "agent:rack-a", id: "no-rule", severity: "Warning" },
    ]);
    anew.govern(policyOf());
    anew.describe("n1", described());
    expect(said).toEqual([
      "over agent:rack-a no-rule: its rule or its sensor is gone",
      "over node:n1 soc-temperature-gone: its rule or its sensor is gone",
    ]);
    await clock.advance(5000);
    anew.tick();
    expect(said).toHaveLength(2);
    anew.read("n1", "soc", { values: { temperatureCelsius: 84 } });
    expect(said.slice(2)).toEqual(["over node:n1 readings-missing-soc: undefined"]);
    anew.forget("n2");
    expect(said.at(-1)).toBe("over node:n2 silent: the node is gone");
  });

  it("let go, once inventory has spoken, of what stood before of nodes, agents and domains that are gone", async () => {
    const anew = new AlarmEngine(clock, {
      found: ({ id }) => void said.push(`found ${id}`),
      over: ({ subject, id }, why) => void said.push(`over ${subject} ${id}: ${why}`),
    });
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
});
