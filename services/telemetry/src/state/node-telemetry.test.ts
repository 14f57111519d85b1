import { agentId, nodeId } from "@outrider/contracts/ids";
import { check } from "@outrider/contracts/codec";
import { NodeTelemetry } from "@outrider/contracts/telemetry";
import { describe, expect, it } from "vitest";
import type { SensorTaken } from "../telemetry-listener.js";
import { nodeTelemetryOf } from "./node-telemetry.js";

const NOW = 100_000;
const AT = Date.parse("2026-11-23T05:00:00.000Z");
const taken = (sensor: string, more: Partial<SensorTaken>): [string, SensorTaken] => [
  sensor,
  {
    node: nodeId("n1"),
    agent: agentId("rack-a"),
    sensor,
    atMs: AT,
    takenMs: NOW,
    staleAfterMs: 30_000,
    values: {},
    absent: {},
    ...more,
  },
];

describe("what is told of a node's sensors", () => {
  it("is nothing before one has said anything", () => {
    expect(nodeTelemetryOf(new Map(), NOW)).toBeUndefined();
  });

  it("has values by sensor and quantity, and why others are missing", () => {
    const telemetry = nodeTelemetryOf(
      new Map([
        taken("supply", { values: { voltageVolts: 5 }, absent: { powerWatts: "NoReading" } }),
        taken("fan", {
          absent: { fanRevolutionsPerMinute: "DeviceOff", fanDutyPercent: "DeviceOff" },
        }),
        taken("soc", { values: { temperatureCelsius: 40 }, takenMs: NOW - 30_001 }),
        taken("mute", { atMs: AT + 1 }),
      ]),
      NOW,
    );
    expect(telemetry).toEqual({
      at: "2026-11-23T05:00:00.001Z",
      supply: { voltageVolts: 5 },
      absent: {
        "supply.powerWatts": "NoReading",
        fan: "DeviceOff",
        soc: "TimedOut",
        mute: "NoReading",
      },
    });
    expect(check(NodeTelemetry, telemetry, true).ok).toBe(true);
  });

  it("leaves out a sensor whose name would say something else", () => {
    const sensors = new Map([taken("at", { values: { voltageVolts: 5 } }), taken("supply", {})]);
    expect(Object.keys(nodeTelemetryOf(sensors, NOW) ?? {})).toEqual(["at", "absent"]);
  });
});
