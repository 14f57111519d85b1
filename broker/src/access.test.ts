import { isPublicTopic, publishedContract, type Identity } from "@outrider/contracts/acl";
import { CATALOG } from "@outrider/contracts/catalog";
import { TOPIC_ROOT } from "@outrider/contracts/contract";
import { SERVICES } from "@outrider/contracts/ids";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Access } from "./access.js";
import { contractsBehind, filterLevels, isTopic, mayMatch } from "./filters.js";

const MAX = 512;
const id = fc.constantFrom("n1", "rack-a", "rack-b", "power", "n1.power", "x");
const identity: fc.Arbitrary<Identity> = fc.oneof(
  fc.record({ kind: fc.constant("person" as const), name: fc.constant("alice") }),
  fc.record({
    kind: fc.constant("person" as const),
    name: fc.constant("vera"),
    role: fc.constant("viewer" as const),
  }),
  fc.record({ kind: fc.constant("service" as const), name: fc.constantFrom(...SERVICES) }),
  fc.record({ kind: fc.constant("agent" as const), name: fc.constantFrom("rack-a", "rack-b") }),
);
const known = fc
  .tuple(fc.constantFrom(...CATALOG), fc.array(id, { minLength: 3, maxLength: 3 }))
  .map(([{ template }, ids]) => {
    let next = 0;
    return TOPIC_ROOT + template.replace(/\{\w+\}/g, () => ids[next++] ?? "x");
  });
const level = fc.constantFrom(
  "outrider",
  "v1",
  "node",
  "agent",
  "service",
  "power",
  "set",
  "status",
  "clock",
  "rack-a",
  "x",
  "",
);
const topic = fc.oneof(
  known,
  fc
    .array(level, { minLength: 1, maxLength: 7 })
    .map((levels) => levels.join("/"))
    .filter((text) => text !== ""),
);
const filter = fc
  .tuple(topic, fc.array(fc.nat(9), { maxLength: 4 }), fc.option(fc.nat(8)))
  .map(([text, plus, hash]) => {
    const levels = text.split("/");
    for (const at of plus) if (at < levels.length) levels[at] = "+";
    return (hash === null ? levels : [...levels.slice(0, hash), "#"]).join("/");
  });

/** MQTT 5.0, 4.7, word for word and slowly. */
function matches(levels: readonly string[], other: string): boolean {
  const names = other.split("/");
  if (other.startsWith("$") && /^[+#]/.test(levels[0] ?? "")) return false;
  const last = levels.at(-1) === "#";
  const fixed = last ? levels.slice(0, -1) : levels;
  if (last ? names.length < fixed.length : names.length !== fixed.length) return false;
  return fixed.every((one, index) => one === "+" || one === names[index]);
}

describe("access", () => {
  it("grants a message exactly where the contracts do", () => {
    fc.assert(
      fc.property(identity, fc.array(topic, { minLength: 1, maxLength: 20 }), (who, topics) => {
        const access = new Access(who, MAX);
        for (const one of [...topics, ...topics]) {
          const contract = publishedContract(who, one);
          const grant = access.publish(one);
          expect(grant.allowed).toBe(contract !== undefined);
          if (!grant.allowed || !contract) continue;
          expect(grant.contract).toBe(contract);
          expect(grant.retain === "keep").toBe(contract.retain);
          expect(grant.stamped).toBe(one.endsWith("/set") || contract.writers.includes("anyone"));
          expect(access.will(one, contract.retain) === undefined).toBe(contract.will);
        }
      }),
    );
  });

  it("delivers to people what is public, to agents what is theirs, and to services what is ours", () => {
    fc.assert(
      fc.property(identity, topic, (who, one) => {
        const access = new Access(who, MAX);
        const expected = {
          person: isPublicTopic(one),
          agent:
            one.startsWith(`${TOPIC_ROOT}agent/${who.name}/`) ||
            /^outrider\/v1\/service\/[^/]+\/clock$/.test(one),
          service: one.startsWith(TOPIC_ROOT),
        }[who.kind];
        expect(access.mayReceive(one)).toBe(expected);
      }),
    );
  });

  it("refuses no filter that could deliver something, and grants agents and services none that reaches further", () => {
    fc.assert(
      fc.property(identity, filter, topic, (who, pattern, one) => {
        const levels = filterLevels(pattern, MAX);
        if (!levels || !matches(levels, one)) return;
        const access = new Access(who, MAX);
        const granted = access.subscribe(pattern) === undefined;
        if (who.kind === "person") {
          if (access.mayReceive(one)) expect(granted).toBe(true);
        } else if (granted && publishedBySomebody(one)) expect(access.mayReceive(one)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("remembers no more than it may, and stays right", () => {
    const access = new Access({ kind: "person", name: "alice" }, MAX);
    for (let i = 0; i < 5000; i++) {
      expect(access.publish(`outrider/v1/node/n${i}/power/set`).allowed).toBe(true);
      expect(access.publish(`outrider/v1/node/n${i}/power/state`).allowed).toBe(false);
    }
  });
});

function publishedBySomebody(one: string): boolean {
  return CATALOG.some(({ template }) =>
    mayMatch(one.split("/"), (TOPIC_ROOT + template).split("/")),
  );
}

describe("filters", () => {
  it("reach a contract when they match one of its topics", () => {
    fc.assert(
      fc.property(filter, known, (pattern, one) => {
        const levels = filterLevels(pattern, MAX);
        if (!levels || !matches(levels, one)) return;
        const behind = contractsBehind(levels).map(({ template }) =>
          (TOPIC_ROOT + template).split("/"),
        );
        expect(behind.some((template) => mayMatch(one.split("/"), template))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it.each(["", "a+", "+a", "a/b+/c", "#/a", "a/#/b", "a#", "a\u0000b", "a\nb", "x".repeat(513)])(
    "%j is none",
    (text) => {
      expect(filterLevels(text, MAX)).toBeUndefined();
    },
  );

  it.each(["#", "+", "+/+", "a/#", "/", "a//b", "a/+/b/#", "§"])("%j is one", (text) => {
    expect(filterLevels(text, MAX)).toEqual(text.split("/"));
  });

  it.each(["", "a/+", "#", "a\u007f", "a\u0085", "x".repeat(513)])("%j is no topic", (text) => {
    expect(isTopic(text, MAX)).toBe(false);
  });
});

describe("a person who may see some nodes only", () => {
  const bound: Identity = { kind: "person", name: "paul", role: "viewer", nodes: ["n1"] };
  const free: Identity = { kind: "person", name: "vera", role: "viewer" };

  it.each([
    ["node/n1/status", true],
    ["node/n2/status", false],
    ["agent/rack-a/description", false],
    ["agent/rack-a/status", false],
    ["agent/rack-a/alarm/agent-away", false],
    ["agent/rack-a/health", false],
    ["domain/psu-a/alarm/watt-budget", false],
    ["service/telemetry/alarm/readings-lost", false],
    ["site/health", false],
    ["site", true],
    ["service/power/status", true],
  ])("of %s hears: %s", (path, heard) => {
    expect(new Access(bound, MAX).mayReceive(TOPIC_ROOT + path)).toBe(heard);
    expect(new Access(free, MAX).mayReceive(TOPIC_ROOT + path)).toBe(true);
  });
});

describe("the topics of Home Assistant", () => {
  const discovery = "homeassistant/device/outrider_node_n1/config";
  const person = (nodes?: readonly string[]) =>
    new Access(
      { kind: "person", name: "house", role: "operator", ...(nodes ? { nodes } : {}) },
      512,
    );

  it("belong to one service", () => {
    const bridge = new Access({ kind: "service", name: "home-assistant" }, 512);
    expect(bridge.subscribe("homeassistant/device/+/config")).toBeUndefined();
    expect(bridge.mayReceive(discovery)).toBe(true);
    expect(bridge.publish(discovery)).toMatchObject({ allowed: true, retain: "keep" });
    const power = new Access({ kind: "service", name: "power" }, 512);
    expect(power.subscribe("homeassistant/#")).toMatchObject({ reason: "outside" });
    expect(power.mayReceive(discovery)).toBe(false);
    expect(power.publish(discovery)).toMatchObject({ allowed: false });
  });

  it("tell people of the nodes that they may see", () => {
    expect(person().subscribe("homeassistant/#")).toBeUndefined();
    expect(person().mayReceive(discovery)).toBe(true);
    expect(person(["n1"]).mayReceive(discovery)).toBe(true);
    expect(person(["n2"]).mayReceive(discovery)).toBe(false);
    expect(person().publish(discovery)).toMatchObject({ allowed: false });
  });

  it("let Home Assistant leave its birth and its will", () => {
    expect(person().publish("homeassistant/status")).toMatchObject({ allowed: true });
    expect(person().will("homeassistant/status", false)).toBeUndefined();
    expect(person().will("homeassistant/other", false)).toBeDefined();
  });
});
