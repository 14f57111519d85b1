import { ENDPOINT_ACTIONS } from "@outrider/contracts/agent";
import { SUPPLY_VALUES } from "@outrider/contracts/power";
import { assert, constantFrom, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { clearsFault, nextAttempt } from "./attempts.js";
import { COMMAND_STEPS } from "./command-record.js";
import { cycleOutcome, recover } from "./recovery.js";

describe("recovery", () => {
  it.each([
    ["On", "On", "Succeeded"],
    ["On", "Off", "Failed"],
    ["On", "PoweringOn", "Failed"],
    ["On", "Unknown", "Unknown"],
    ["On", undefined, "Unknown"],
    ["ForceOff", "Off", "Succeeded"],
    ["ForceOff", "On", "Failed"],
    ["ForceOff", undefined, "Unknown"],
    ["ForceRestart", "On", "Unknown"],
    ["PushPowerButton", "On", "Unknown"],
    ["Nmi", undefined, "Unknown"],
  ] as const)("%s with supply %s is %s", (action, supply, status) => {
    expect(recover(action, "acting", supply)).toMatchObject({ kind: "end", status });
  });

  it("finishes a cycle whatever is seen, and nothing else", () => {
    assert(
      property(
        constantFrom(...ENDPOINT_ACTIONS),
        constantFrom(...COMMAND_STEPS),
        constantFrom(...SUPPLY_VALUES, undefined),
        (action, step, supply) =>
          (recover(action, step, supply).kind === "finish-cycle") === (action === "PowerCycle"),
      ),
    );
  });

  it("gives the supply its time without, where that may have been cut short", () => {
    expect(recover("PowerCycle", "dwelling", "Off")).toMatchObject({ dwell: true });
    expect(recover("PowerCycle", "acting", "Off")).toMatchObject({ dwell: true });
    expect(recover("PowerCycle", "acting", undefined)).toMatchObject({ dwell: true });
    expect(recover("PowerCycle", "acting", "On")).toMatchObject({ dwell: false });
    expect(recover("PowerCycle", "on", "Off")).toMatchObject({ dwell: false });
  });

  it("calls a cycle a success only when its off was recorded as seen", () => {
    expect(cycleOutcome("acting", { kind: "on" })).toMatchObject({
      status: "Failed",
      reasonCode: "interrupted",
    });
    expect(cycleOutcome("dwelling", { kind: "on" })).toMatchObject({ status: "Succeeded" });
    expect(cycleOutcome("on", { kind: "on" })).toMatchObject({ status: "Succeeded" });
    for (const step of COMMAND_STEPS) {
      expect(cycleOutcome(step, { kind: "exhausted", problem: "p" })).toMatchObject({
        status: "Failed",
        reasonCode: "fault-latched",
      });
      expect(cycleOutcome(step, { kind: "silent", problem: "p" })).toMatchObject({
        status: "Unknown",
      });
    }
  });
});

describe("attempts", () => {
  it("are three, further and further apart", () => {
    const pauses = [0, 1, 2, 3, 4].map((made) => nextAttempt(made));
    expect(pauses).toEqual([
      { kind: "try", pause: 0 },
      { kind: "try", pause: 1000 },
      { kind: "try", pause: 4000 },
      { kind: "exhausted" },
      { kind: "exhausted" },
    ]);
  });

  it("begin anew with an On that is no policy's", () => {
    expect(clearsFault({ action: "On", via: "mqtt" })).toBe(true);
    expect(clearsFault({ action: "On", via: "policy" })).toBe(false);
    expect(clearsFault({ action: "PowerCycle", via: "mqtt" })).toBe(false);
  });
});
