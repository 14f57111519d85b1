import { describe, expect, it } from "vitest";
import { findings, type Looked } from "./findings.js";

const status = (state: string) =>
  ({ state, instance: "i", version: "1", startedAt: "2026-11-23T00:00:00.000Z" }) as never;
const WELL: Looked = {
  version: "1",
  gatewayVersion: "1",
  clockDifferenceMs: 400,
  services: ["gateway", "inventory", "power"].map((id) => ({ id, status: status("ready") })),
  agents: [{ id: "rack-a", status: status("ready"), endpoints: 3, failed: 0 }],
  nodes: [],
  drift: 0,
  proposals: 0,
};
const wrong = (looked: Partial<Looked>) =>
  findings({ ...WELL, ...looked }).filter(({ level }) => level !== "ok");

it("finds nothing wrong where nothing is", () => {
  expect(wrong({})).toEqual([]);
});

it.each([
  [{ services: WELL.services.slice(0, 2) }, "error", /service power was never seen/],
  [
    { services: [...WELL.services.slice(0, 2), { id: "power", status: status("lost") }] },
    "error",
    /power is lost/,
  ],
  [
    { agents: [{ id: "rack-a", status: status("lost"), endpoints: 3, failed: 0 }] },
    "error",
    /agent rack-a is lost/,
  ],
  [
    { agents: [{ id: "rack-a", status: status("ready"), endpoints: 3, failed: 2 }] },
    "error",
    /could not open 2 of 3/,
  ],
  [{ agents: [] }, "warning", /no agent/],
  [{ clockDifferenceMs: -61_000 }, "warning", /61 s behind/],
  [{ version: "0" }, "warning", /this program is 0, the gateway 1/],
  [{ disk: { path: "/d", freeBytes: 1e6, totalBytes: 1e12 } }, "warning", /1 MB free/],
  [{ drift: 2 }, "warning", /^2 things are not as declared/],
  [{ drift: 1 }, "warning", /^1 thing is not as declared/],
  [{ proposals: 1 }, "warning", /^1 thing was seen/],
  [
    {
      services: [...WELL.services, { id: "telemetry", status: status("degraded") }],
      reasons: new Map([["telemetry", ["InfluxDB does not answer"]]]),
    },
    "warning",
    /telemetry is degraded: InfluxDB does not answer/,
  ],
  [{ alarmsProblem: "nobody is there" }, "warning", /alarms stand is not known/],
] as const)("%j is a finding with what to do", (looked, level, what) => {
  const found = wrong(looked);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({ level, what: expect.stringMatching(what) as string });
  expect(found[0]?.advice).not.toBe("");
});

it("names the nodes that hang on an agent that is away", () => {
  const nodes = ["n1", "n2", "n3"].map((id) => ({
    id,
    name: id,
    roles: [],
    labels: {},
    supportedActions: [],
    supply: { value: "On", evidence: "ReadBack", ageMs: 0, stale: false },
    status: { management: "Unavailable", stale: false },
  }));
  const agents = [{ id: "rack-a", status: status("lost"), endpoints: 3, failed: 0 }];
  const hangOn = new Map([
    ["n1", ["rack-a"]],
    ["n2", ["rack-a"]],
  ]);
  expect(wrong({ agents, nodes, hangOn }).map(({ what }) => what)).toEqual([
    "agent rack-a is lost; on it hang n[1-2]",
    "n[1-2]: cannot be managed now (agent rack-a)",
    "n3: cannot be managed now",
  ]);
});

it("has nothing against nodes that have a console only", () => {
  const wire = {
    name: "a switch",
    roles: [],
    labels: {},
    supportedActions: [],
    supply: { value: "Unknown", evidence: "Assumed", ageMs: 60_000, stale: true },
    status: { management: "Unavailable", stale: true },
  };
  const nodes = ["s1", "s2"].map((id) => ({ ...wire, id, interfaceKinds: ["console"] }));
  expect(wrong({ nodes })).toEqual([]);
  const said = findings({ ...WELL, nodes }).map(({ what }) => what);
  expect(said).toContain("2 nodes have a console only");
  expect(said.join()).not.toContain("can be managed");
  const both = { ...wire, id: "n1", interfaceKinds: ["console", "power"] };
  const neither = { ...wire, id: "n2", interfaceKinds: [] };
  expect(wrong({ nodes: [...nodes, both, neither] }).map(({ what }) => what)).toEqual([
    "n[1-2]: cannot be managed now",
    "n[1-2]: nothing fresh is known of their supply",
  ]);
});

describe("what supplies say is wrong", () => {
  const node = (id: string, problem: string, value = "Unknown", management = "Available") => ({
    id,
    name: id,
    roles: [],
    labels: {},
    supportedActions: [],
    supply: { value, evidence: "Assumed", ageMs: 0, stale: false },
    status: { management, stale: false },
    problem,
  });

  it("is one finding for all nodes of a switch that does not answer", () => {
    const silent = "The switch at 10.0.0.2:161 did not answer within 2000 ms. Check power first.";
    const nodes = Array.from({ length: 48 }, (_, at) => node(`n${at + 1}`, silent));
    expect(wrong({ nodes })).toEqual([
      expect.objectContaining({ level: "error", what: `n[1-48]: ${silent}` }),
    ]);
  });

  it("is one finding where only node, port and counts differ, and another for another device", () => {
    const of = (device: string, port: number): string =>
      `${device}, PoE port ${port} is switched on and gives no power: power denied ${port + 5} times.`;
    const nodes = [
      ...[1, 2, 3].map((port) => node(`n${port}`, of("10.0.0.2", port))),
      node("n4", of("10.0.0.3", 4)),
      ...[5, 6].map((at) => node(`n${at}`, `The device of n${at}.power did not answer.`)),
    ];
    expect(wrong({ nodes }).map(({ what }) => what)).toEqual([
      `n[1-3]: 3 nodes have the same; n1: ${of("10.0.0.2", 1)}`,
      `n4: ${of("10.0.0.3", 4)}`,
      "n[5-6]: 2 nodes have the same; n5: The device of n5.power did not answer.",
    ]);
  });

  it("is a warning where the supply is known, and stands for that a node cannot be managed", () => {
    const found = wrong({
      nodes: [
        node("n1", "The host panicked.", "On"),
        node("n2", "agent a could not open n2.power: no such file.", "Unknown", "Unavailable"),
      ],
    });
    expect(found).toMatchObject([
      { level: "warning", what: "n1: The host panicked." },
      { level: "error", what: "n2: agent a could not open n2.power: no such file." },
    ]);
  });
});
