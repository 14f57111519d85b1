import type { PowerState } from "@outrider/contracts/power";
import { commandId } from "@outrider/contracts/ids";
import { describe, expect, it } from "vitest";
import { ageText, nodesJson, nodeTable } from "./node-rows.js";

const NOW = new Date("2026-11-23T12:00:00.000Z");
const at = (ageMs: number): string => new Date(NOW.getTime() - ageMs).toISOString();

function state(ageMs: number, more: Partial<PowerState> = {}): PowerState {
  const measured = { since: at(60_000), observedAt: at(ageMs), staleAfterMs: 10_000 };
  return {
    supply: { value: "On", evidence: "ReadBack", ...measured },
    host: { value: "Running", evidence: "ReadBack", ...measured },
    ...more,
  };
}

describe("the table of nodes", () => {
  it("shows supply, host, evidence, age and the last command", () => {
    const lastCommand = {
      id: commandId("a"),
      action: "PowerCycle",
      status: "Succeeded",
    } as const;
    expect(
      nodeTable([{ node: "n1", power: state(3000, { lastCommand }) }, { node: "n2" }], NOW),
    ).toBe(
      [
        "NODE  SUPPLY  HOST     EVIDENCE  AGE  LAST COMMAND",
        "n1    On      Running  ReadBack  3s   PowerCycle Succeeded",
        "n2    -       -        -         -    -",
      ].join("\n"),
    );
  });

  it("never shows a stale value as if it were fresh (P9)", () => {
    const [, line = ""] = nodeTable([{ node: "n1", power: state(10_001) }], NOW).split("\n");
    expect(line).toContain("stale (was On)");
    expect(line).toContain("stale (was Running)");
    const json = JSON.stringify(nodesJson([{ node: "n1", power: state(10_001) }], NOW));
    expect(json.match(/"stale":true/g)).toHaveLength(2);
  });

  it("shows a value as fresh up to its age limit", () => {
    expect(nodeTable([{ node: "n1", power: state(10_000) }], NOW)).not.toContain("stale");
  });

  it("names faults, and lets no text of the bus move the cursor", () => {
    const text = nodeTable(
      [{ node: "n1", power: state(0, { fault: "refused\u001b[2J\r\nn2" }) }],
      NOW,
    );
    expect(text).toContain("fault: refused?[2J??n2");
    expect(text.split("\n")).toHaveLength(2);
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
