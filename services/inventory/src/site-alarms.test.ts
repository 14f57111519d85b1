import { check } from "@outrider/contracts/codec";
import {
  alarmRulesOf,
  DEFAULT_ALARMS,
  TelemetryPolicy,
} from "@outrider/contracts/telemetry-policy";
import { describe, expect, it } from "vitest";
import { readSite } from "./site-file.js";
import { telemetryPolicyOf } from "./telemetry-policies.js";

const SITE = `
site: lab
agents: { rack-a: {} }
nodes:
  n1:
    roles: [storage, slow]
    sensor: { soc: { agent: rack-a, driver: thermal, options: { type: cpu } } }
    alarms:
      soc-temperature: { upper: { warning: 60 } }
      silent: off
      disk-health: { for: 1m }
  n2: { roles: [storage] }
  n3: {}
  n4: {}
roles:
  storage:
    alarms:
      soc-temperature: { upper: { warning: 70, critical: 80 }, for: 1m }
      disk-health: off
  slow:
    alarms:
      soc-temperature: { upper: { critical: 90 }, hysteresis: 5 }
      readings-missing: { for: 1h, severity: Critical }
alarms:
  throttled: off
  agent-clock: { upper: { warning: 5, critical: 30 } }
  watt-budget: { over: 1h }
  agent-away: { for: 5m, severity: Warning }
  readings-lost: { over: 10m }
  heating: { quantity: temperatureCelsius, sensor: inlet, per: hour, upper: { warning: 10 } }
  quiet-meter: { kind: missing, sensor: meter, quantity: powerWatts, for: 2m }
notifications:
  channels:
    mail:
      email: { server: smtps://mail.example.org:465, from: a@example.org, to: [b@example.org] }
    phone: { ntfy: { url: https://ntfy.example.org/rack, token: { env: OUTRIDER_SECRET_NTFY } } }
  routes:
    night: { channels: [phone], severity: Critical, nodes: "@storage" }
  groupWithin: 10s
`;
const policy = telemetryPolicyOf(readSite(SITE, "site.yaml"));
const rules = (node: string) => alarmRulesOf(policy, node);

describe("alarms of a site", () => {
  it("are the node's before its roles', the first that says it, before the site's, before the product's", () => {
    expect(rules("n1")["soc-temperature"]).toEqual({
      ...DEFAULT_ALARMS["soc-temperature"],
      upper: { warning: 60, critical: 80 },
      forMs: 60_000,
      hysteresis: 5,
    });
    expect(rules("n2")["soc-temperature"]).toMatchObject({
      upper: { warning: 70, critical: 80 },
      hysteresis: 3,
    });
    expect(rules("n3")["soc-temperature"]).toEqual(DEFAULT_ALARMS["soc-temperature"]);
    expect(rules("n1")["readings-missing"]).toMatchObject({
      forMs: 3_600_000,
      severity: "Critical",
    });
  });

  it("can be switched off, for all, a role or a node", () => {
    expect(Object.keys(rules("n1"))).not.toContain("throttled");
    expect(Object.keys(rules("n2"))).not.toContain("disk-health");
    expect(Object.keys(rules("n3"))).toContain("disk-health");
    // Further up a map brings it back, as it was but for what it says.
    expect(rules("n1")["disk-health"]).toEqual({ ...DEFAULT_ALARMS["disk-health"], forMs: 60_000 });
    expect(Object.keys(rules("n1"))).not.toContain("silent");
    expect(Object.keys(rules("n2"))).toContain("silent");
  });

  it("have their defaults filled in", () => {
    expect(rules("n3")["heating"]).toEqual({
      kind: "rate",
      quantity: "temperatureCelsius",
      sensor: "inlet",
      per: "hour",
      overMs: 3_600_000,
      upper: { warning: 10 },
      hysteresis: 0,
      forMs: 0,
    });
    expect(rules("n3")["quiet-meter"]).toEqual({
      kind: "missing",
      sensor: "meter",
      quantity: "powerWatts",
      hysteresis: 0,
      forMs: 120_000,
      severity: "Warning",
    });
  });

  it("of agents, domains and the store are the site's", () => {
    expect(policy.siteRules).toEqual({
      "agent-clock": { ...DEFAULT_ALARMS["agent-clock"], upper: { warning: 5, critical: 30 } },
      "watt-budget": { ...DEFAULT_ALARMS["watt-budget"], overMs: 3_600_000 },
      "time-series-store": DEFAULT_ALARMS["time-series-store"],
      "agent-away": { ...DEFAULT_ALARMS["agent-away"], forMs: 300_000, severity: "Warning" },
      "service-away": DEFAULT_ALARMS["service-away"],
      "readings-lost": { ...DEFAULT_ALARMS["readings-lost"], overMs: 600_000 },
      "notifications-failing": DEFAULT_ALARMS["notifications-failing"],
    });
    expect(Object.keys(rules("n3"))).not.toContain("watt-budget");
  });

  it("are published once for nodes that have the same", () => {
    expect(policy.profiles).toHaveLength(3);
    expect(policy.nodes["n3"]).toBe(policy.nodes["n4"]);
    expect(check(TelemetryPolicy, policy, true)).toMatchObject({ ok: true });
  });

  it("come with the product where the site says nothing", () => {
    const bare = telemetryPolicyOf(
      readSite("site: lab\nagents: {}\nnodes: { n1: {} }\n", "site.yaml"),
    );
    expect({ ...alarmRulesOf(bare, "n1"), ...bare.siteRules }).toEqual(DEFAULT_ALARMS);
    expect(bare.notifications).toEqual({
      channels: {},
      routes: {},
      groupWithinMs: 30_000,
      repeatAfterMs: 14_400_000,
    });
  });
});

describe("notifications of a site", () => {
  it("have their nodes resolved and their defaults filled in", () => {
    expect(policy.notifications).toMatchObject({
      routes: { night: { channels: ["phone"], severity: "Critical", nodes: ["n1", "n2"] } },
      groupWithinMs: 10_000,
      repeatAfterMs: 14_400_000,
    });
  });

  it("tell everything every way without a route", () => {
    const text =
      "site: lab\nagents: {}\nnodes: {}\nnotifications:\n  channels: { hook: { webhook: { url: 'https://h.example.org/x' } } }\n";
    expect(telemetryPolicyOf(readSite(text, "site.yaml")).notifications.routes).toEqual({
      everything: { channels: ["hook"], severity: "Warning" },
    });
  });
});

describe("rules and channels that can never do anything", () => {
  it("are warned of, and none that can", () => {
    const text = `site: lab
agents: { rack-a: {} }
nodes:
  n1:
    roles: [hot]
    sensor: { soc: { agent: rack-a, driver: thermal, options: { type: cpu } } }
    alarms: { mine: { sensor: bord, quantity: temperatureCelsius, upper: { warning: 9 } } }
  n2: { roles: [hot] }
roles:
  hot: { alarms: { cpu: { drivers: [termal], quantity: temperatureCelsius, upper: { warning: 9 } } } }
  unused: { alarms: { cpu: { sensor: none, quantity: temperatureCelsius, upper: { warning: 9 } } } }
alarms:
  board: { sensor: board, quantity: temperatureCelsius, upper: { warning: 9 } }
  fits: { sensor: soc, drivers: [thermal, hwmon], quantity: temperatureCelsius, upper: { warning: 9 } }
notifications:
  channels:
    hook: { webhook: { url: "https://h.example.org/x" } }
    phone: { webhook: { url: "https://h.example.org/y" } }
  routes: { all: { channels: [hook] } }
`;
    const { warnings } = readSite(text, "site.yaml");
    expect(warnings.map(({ line, path, message }) => `${line} ${path} ${message}`)).toEqual([
      "13 alarms.board.sensor no node here has a sensor 'board', so nothing is watched; there is soc",
      "10 roles.hot.alarms.cpu.drivers no sensor here is by termal, so nothing is watched; there is thermal",
      "7 nodes.n1.alarms.mine.sensor no node here has a sensor 'bord', so nothing is watched; there is soc",
      "18 notifications.channels.phone stands in no route, so nobody is told by it; add it to the channels of one",
    ]);
  });
});
