import { describe, expect, it } from "vitest";
import { NODE_COLUMNS, type NodeView } from "./node-rows.js";
import { ageText, showList, type Format } from "./output.js";
import { recordingConsole } from "./testing/recording-console.js";

function node(id: string, more: Partial<NodeView> = {}): NodeView {
  const measured = { evidence: "ReadBack", ageMs: 3000, stale: false };
  return {
    id,
    name: id,
    roles: ["storage"],
    labels: {},
    supportedActions: [],
    supply: { value: "On", ...measured },
    host: { value: "Running", ...measured },
    ...more,
  };
}

function shown(nodes: readonly NodeView[], format: Format = "table"): string[] {
  const { console, said } = recordingConsole();
  showList(nodes, format, NODE_COLUMNS, console);
  return said.out.join("\n").split("\n");
}

describe("the table of nodes", () => {
  it("shows supply, host, evidence, age, last command and roles in columns", () => {
    const { supply: _supply, host: _host, ...unheard } = node("n10", { roles: [] });
    const lastCommand = { id: "a" as never, action: "PowerCycle", status: "Succeeded" } as const;
    expect(shown([node("n1", { lastCommand }), unheard])).toEqual([
      "NODE  SUPPLY  HOST     EVIDENCE  AGE  LAST COMMAND          ROLES    NOTE",
      "n1    On      Running  ReadBack  3s   PowerCycle Succeeded  storage",
      "n10   -       -        -         -    -                     -",
    ]);
  });

  it("says of nodes with a console only that they are that, and not that something is wrong", () => {
    const status = { management: "Unavailable", stale: false };
    const notes = ([kinds]: readonly string[][]): string =>
      NODE_COLUMNS.row(node("n1", { status, ...(kinds && { interfaceKinds: kinds }) })).at(-1) ??
      "";
    expect(notes([["console"]])).toBe("console only");
    expect(notes([["console", "power"]])).toBe("cannot be managed now");
    expect(notes([])).toBe("cannot be managed now");
  });

  it("never shows a stale value as if it were fresh (P9)", () => {
    const stale = { value: "On", evidence: "ReadBack", ageMs: 90_000, stale: true };
    const [, line = ""] = shown([
      node("n1", { supply: stale, host: { ...stale, value: "Running" } }),
    ]);
    expect(line).toContain("stale (was On)");
    expect(line).toContain("stale (was Running)");
    expect(line).not.toMatch(/\s(On|Running)\s/);
  });

  it("names faults and locks, and lets no text of a server move the cursor", () => {
    const held = {
      lock: "l" as never,
      holder: "person:anna",
      since: "2026-11-23T00:00:00.000Z",
      until: "2026-11-23T00:00:00.000Z",
    };
    const lines = shown([
      node("n1", { fault: "refused\u001b[2J\r\nn2", lock: { fence: 1, waiting: 0, held } }),
    ]);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain("locked by person:anna; fault: refused?[2J??n2");
  });

  it("says why a supply is not known, and nothing that is too old", () => {
    const supply = { value: "Unknown", evidence: "Assumed", ageMs: 0, stale: false };
    const problem = "10.0.0.2 does not answer.";
    const silent = node("n1", { supply, problem });
    const stale = node("n2", { supply: { ...supply, stale: true }, problem });
    const [, first, second] = shown([silent, stale]);
    expect(first).toMatch(/Unknown .* 10\.0\.0\.2 does not answer\.$/);
    expect(second).not.toContain("does not answer");
  });

  it("names the worst alarms that stand", () => {
    const alarm = (id: string, severity: "Warning" | "Critical") => ({ id, severity });
    const alarms = [
      alarm("silent", "Critical"),
      ...["a", "b", "c"].map((id) => alarm(id, "Warning")),
    ];
    expect(shown([node("n1", { alarms })])[1]).toContain("Critical: silent, a, b and 1 more");
    expect(shown([node("n1", { alarms: [] })])[1]).not.toContain("Critical");
  });

  it("prints names alone, one a line, for other commands", () => {
    expect(shown([node("n1"), node("n2")], "name")).toEqual(["n1", "n2"]);
  });
});

it.each([
  [-5000, "0s"],
  [59_999, "59s"],
  [60_000, "1m"],
  [7_200_000, "2h"],
  [172_800_000, "2d"],
])("an age of %i ms is %s", (ageMs, text) => {
  expect(ageText(ageMs)).toBe(text);
});
