import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { agentCommand } from "./agent.js";
import { CATALOG } from "./catalog.js";
import {
  filterOf,
  matchTopic,
  topicOf,
  TOPIC_ROOT,
  type AnyContract,
  type ParametersOf,
} from "./contract.js";
import { LARGEST_PAYLOAD_BYTES } from "./packet.js";
import { powerSet } from "./power.js";
import { site } from "./service.js";

/** What somebody may try as an id. */
const hostile = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 80 }) },
  {
    weight: 3,
    arbitrary: fc
      .array(
        fc.constantFrom("+", "#", "/", "$", "\0", "\u202e", "\ud800", "\udc00", "\n", "n1", "😀"),
        { maxLength: 8 },
      )
      .map((parts) => parts.join("")),
  },
  fc.constantFrom(
    "",
    "+",
    "#",
    "/",
    "$SYS",
    "../n2",
    "n1/power",
    "a".repeat(65_536),
    "é".repeat(40_000),
  ),
);

/** Topic levels as a broker counts them, after the topic has gone through UTF-8. */
function levelsOnWire(topic: string): string[] {
  return Buffer.from(topic, "utf8").toString("utf8").split("/");
}

/** What was made, or undefined when it was refused in the one sentence that names the parameter and repeats nothing. */
function madeOr(make: () => string): string | undefined {
  try {
    return make();
  } catch (error) {
    const sentence = /^topic [\w/{}]+: \{\w+\} must be one topic level$/;
    if (error instanceof TypeError && sentence.test(error.message)) return undefined;
    throw error;
  }
}

it("no contract has more than whoever carries messages takes", () => {
  expect(Math.max(...CATALOG.map(({ maxBytes }) => maxBytes))).toBe(LARGEST_PAYLOAD_BYTES);
});

describe("topicOf", () => {
  it("fills in the parameters under the root", () => {
    expect(topicOf(powerSet, { node: "n1" })).toBe("outrider/v1/node/n1/power/set");
    expect(topicOf(agentCommand, { agent: "rack-a", endpoint: "n1.power" })).toBe(
      "outrider/v1/agent/rack-a/command/n1.power",
    );
    expect(topicOf(site, {})).toBe("outrider/v1/site");
  });

  it("does not compile, and throws, when a parameter is missing or misnamed", () => {
    // @ts-expect-error the node is missing
    expect(() => topicOf(powerSet, {})).toThrow(TypeError);
    // @ts-expect-error one of two is missing
    expect(() => topicOf(agentCommand, { agent: "rack-a" })).toThrow(TypeError);
    // @ts-expect-error no such parameter, and the node is missing
    expect(() => topicOf(powerSet, { nodes: "n1" })).toThrow(TypeError);
    // @ts-expect-error undefined is no id
    expect(() => topicOf(powerSet, { node: undefined })).toThrow(TypeError);
    // @ts-expect-error the parameters of another contract do not widen this one's
    expect(() => topicOf(powerSet, { agent: "rack-a" })).toThrow(TypeError);
  });

  it("P15: an id is one topic level that survives the wire, or is refused without being repeated", () => {
    fc.assert(
      fc.property(hostile, (id) => {
        const topic = madeOr(() => topicOf(powerSet, { node: id }));
        if (topic === undefined) return;
        expect(levelsOnWire(topic)).toEqual(["outrider", "v1", "node", id, "power", "set"]);
        expect(topic).not.toMatch(/[+#\0]/);
        expect(matchTopic(powerSet, topic)).toEqual({ node: id });
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    "",
    "+",
    "#",
    "a/b",
    "\0",
    "a\0",
    "\u202en1",
    "\ud83d",
    "n1\n",
    "\u200b",
    "a".repeat(256),
  ])("refuses %j as a level, in a topic and in a filter", (id) => {
    expect(() => topicOf(powerSet, { node: id })).toThrow("{node} must be one topic level");
    expect(() => filterOf(powerSet, { node: id })).toThrow("{node} must be one topic level");
  });
});

describe("filterOf", () => {
  it("lets a parameter that is left out match any one level", () => {
    expect(filterOf(powerSet)).toBe("outrider/v1/node/+/power/set");
    expect(filterOf(agentCommand, { agent: "rack-a" })).toBe("outrider/v1/agent/rack-a/command/+");
    // @ts-expect-error no such parameter
    expect(filterOf(powerSet, { agent: "rack-a" })).toBe("outrider/v1/node/+/power/set");
  });

  it("P15: a given parameter never becomes a wildcard or another level", () => {
    fc.assert(
      fc.property(hostile, (id) => {
        const filter = madeOr(() => filterOf(agentCommand, { agent: id }));
        if (filter === undefined) return;
        expect(levelsOnWire(filter)).toEqual(["outrider", "v1", "agent", id, "command", "+"]);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("matchTopic", () => {
  it("reads the parameters of the contract's own topics only", () => {
    expect(matchTopic(powerSet, "outrider/v1/node/n1/power/set")).toEqual({ node: "n1" });
    for (const other of [
      "outrider/v1/node/n1/power/state",
      "outrider/v1/node/n1/power/set/",
      "outrider/v1/node//power/set",
      "outrider/v1/node/+/power/set",
      "outrider/v1/node/n1/x/power/set",
      "outrider/v2/node/n1/power/set",
      "x/outrider/v1/node/n1/power/set",
      "outrider/v1/node/n1/power/set\n",
      "node/n1/power/set",
      "",
    ]) {
      expect(matchTopic(powerSet, other)).toBeUndefined();
    }
  });

  it("returns what topicOf was given, for every contract", () => {
    fc.assert(
      fc.property(fc.constantFrom(...CATALOG), fc.infiniteStream(hostile), (contract, ids) => {
        const names = [...contract.template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
        const parameters = Object.fromEntries(names.map((name) => [name, ids.next().value]));
        const topic = madeOr(() => topicOf(contract, parameters));
        if (topic === undefined) return;
        expect(matchTopic(contract, topic)).toEqual(parameters);
        expect(topic.startsWith(TOPIC_ROOT)).toBe(true);
      }),
    );
  });

  it("types the parameters by the template", () => {
    const parameters: ParametersOf<typeof powerSet> | undefined = matchTopic(powerSet, "x");
    // @ts-expect-error the template has no {agent}
    expect(parameters?.agent).toBeUndefined();
  });
});

describe("the catalog", () => {
  it("has no two contracts that one topic could belong to", () => {
    const shapes = CATALOG.map(({ template }) => template.split("/"));
    for (const [i, one] of shapes.entries()) {
      for (const other of shapes.slice(i + 1)) {
        const overlap =
          one.length === other.length &&
          one.every((level, at) => {
            const there = other[at] ?? "";
            return level === there || level.startsWith("{") || there.startsWith("{");
          });
        expect(overlap, `${one.join("/")} and ${other.join("/")}`).toBe(false);
      }
    }
  });

  it("takes every contract as one of any", () => {
    const any: readonly AnyContract[] = [powerSet, agentCommand, site];
    for (const contract of any) expect(CATALOG).toContain(contract);
  });

  it("never retains what asks for an action, and lets only reports be wills", () => {
    for (const { writers, retain, will, kind, bareWord } of CATALOG) {
      expect(writers.includes("anyone") && retain).toBe(false);
      expect(will && (kind !== "report" || !retain)).toBe(false);
      expect(bareWord !== undefined && kind !== "ask").toBe(false);
    }
  });
});
