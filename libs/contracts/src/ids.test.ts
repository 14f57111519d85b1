import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isTopicLevel } from "./contract.js";
import {
  ACTOR_PATTERN,
  agentId,
  commandId,
  COMMAND_ID_PATTERN,
  endpointId,
  ENDPOINT_ID_PATTERN,
  ID_PATTERN,
  INTERFACE_KINDS,
  isAgentId,
  isCommandId,
  isEndpointId,
  isNodeId,
  nodeId,
} from "./ids.js";

const PATTERNS = { ID_PATTERN, COMMAND_ID_PATTERN, ENDPOINT_ID_PATTERN, ACTOR_PATTERN };

describe("node and agent ids", () => {
  it.each(["n", "n1", "0", "rack-a", "a--b", "constructor", "a".repeat(63)])("takes %s", (text) => {
    expect(isNodeId(text)).toBe(true);
    expect(nodeId(text)).toBe(text);
    expect(isAgentId(text)).toBe(true);
    expect(agentId(text)).toBe(text);
  });

  it.each([
    "",
    "-a",
    "a-",
    "N1",
    "n_1",
    "n.1",
    "n1\n",
    "n 1",
    "é",
    "__proto__",
    "..",
    "a".repeat(64),
  ])("refuses %j", (text) => {
    expect(isNodeId(text)).toBe(false);
    expect(isAgentId(text)).toBe(false);
    expect(() => nodeId(text)).toThrow(TypeError);
    expect(() => agentId(text)).toThrow(TypeError);
  });
});

describe("endpoint ids", () => {
  it("joins node, kind and, for sensors and heartbeats alone, a name", () => {
    for (const kind of ["sensor", "heartbeat"] as const) {
      expect(endpointId("n1", kind, "lan")).toBe(`n1.${kind}.lan`);
      expect(() => endpointId("n1", kind)).toThrow("with a name for sensor and heartbeat");
    }
    for (const kind of INTERFACE_KINDS.filter((one) => one !== "sensor" && one !== "heartbeat")) {
      expect(endpointId("n1", kind)).toBe(`n1.${kind}`);
      expect(() => endpointId("n1", kind, "lan")).toThrow(TypeError);
    }
  });

  it.each([
    "n1",
    ".power",
    "n1.",
    "n1.Power",
    "n1.power.",
    "n1.relay",
    "N1.power",
    "n1.sensor.-",
    "n1.power\n",
  ])("refuses %j", (text) => {
    expect(isEndpointId(text)).toBe(false);
  });
});

describe("command ids", () => {
  it.each(["a", "A.b_c:d-9", "01890a5d-ac96-774b-bcce-b302099a8057", "x".repeat(64)])(
    "takes %s",
    (text) => {
      expect(isCommandId(text)).toBe(true);
      expect(commandId(text)).toBe(text);
    },
  );

  it.each(["", "a b", "a/b", "a+b", "é", "a\n", "x".repeat(65)])("refuses %j", (text) => {
    expect(isCommandId(text)).toBe(false);
    expect(() => commandId(text)).toThrow(TypeError);
  });
});

describe("P15: what a pattern lets through", () => {
  it.each(Object.entries(PATTERNS))(
    "%s: one topic level, no path, no shell word, no terminal code",
    (_, pattern) => {
      fc.assert(
        fc.property(fc.oneof(fc.stringMatching(pattern), fc.string({ unit: "binary" })), (text) => {
          if (!pattern.test(text)) return;
          expect(isTopicLevel(text)).toBe(true);
          expect(text).toMatch(/^[A-Za-z0-9._:@-]{1,140}$/);
        }),
      );
    },
  );

  it("carries no flags, which a JSON Schema could not repeat", () => {
    for (const pattern of Object.values(PATTERNS)) expect(pattern.flags).toBe("");
  });

  it("never repeats in an error what was refused", () => {
    const refused = "Zq9!Zq9!Zq9!";
    for (const make of [nodeId, agentId, commandId, (text: string) => endpointId(text, "power")]) {
      expect(() => make(refused)).toThrow(/^not an? (?!.*Zq9)/);
    }
  });
});
