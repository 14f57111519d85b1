import { SEVERITIES as ALL_SEVERITIES } from "@outrider/contracts/node";
import type { NodeSensors, ReadingSeries } from "@outrider/contracts/telemetry-pages";
import { describe, expect, it } from "vitest";
import { alarmColumns, alarmName, alarmOfName } from "./alarm-rows.js";
import { SEVERITIES } from "./event-lines.js";
import { historyColumns } from "./history-rows.js";
import { valueText } from "./quantity-text.js";
import { sensorRows, SENSORS } from "./sensor-rows.js";
import { agedBy, screen } from "./watch-sensors.js";

const AT = "2026-11-23T05:00:00.000Z";
const taken = { at: AT, ageMs: 3200, staleAfterMs: 30_000, stale: false };
const NODES = [
  {
    node: "n1",
    sensors: [
      {
        ...taken,
        sensor: "supply",
        values: [
          { quantity: "voltageVolts", unit: "V", value: 5.02134 },
          { quantity: "currentAmperes", unit: "A", absent: "NoReading" },
        ],
      },
      {
        ...taken,
        stale: true,
        ageMs: 300_000,
        sensor: "soc",
        values: [{ quantity: "temperatureCelsius", unit: "°C", value: 61.5 }],
        problem: "the agent is away",
      },
      { ...taken, sensor: "board", values: [], problem: "no chip at 0x40" },
    ],
    heartbeats: [
      { ...taken, heartbeat: "lan", proves: "network", alive: true, tookMs: 0.4123 },
      { ...taken, heartbeat: "ssh", proves: "service", alive: false, detail: "refused" },
      { ...taken, heartbeat: "own", proves: "system", absent: "DeviceOff" },
    ],
  },
] as unknown as NodeSensors[];
const shown = (quantities?: readonly string[]): string[] =>
  sensorRows(NODES, quantities && new Set(quantities)).map((row) => SENSORS.row(row).join("|"));

describe("what sensors say", () => {
  it("has units and ages, says why there is nothing, and shows nothing stale as fresh (P9)", () => {
    expect(shown()).toEqual([
      "n1|supply|voltageVolts|5.021 V|3s|",
      "n1|supply|currentAmperes|NoReading|3s|",
      "n1|soc|temperatureCelsius|stale (was 61.5 °C)|5m|the agent is away",
      "n1|board|-|-|3s|no chip at 0x40",
      "n1|lan|heartbeat (network)|alive|3s|0.4123 ms",
      "n1|ssh|heartbeat (service)|silent|3s|refused",
      "n1|own|heartbeat (system)|DeviceOff|3s|",
    ]);
  });

  it("may be some quantities only", () => {
    expect(shown(["temperatureCelsius"])).toEqual([
      "n1|soc|temperatureCelsius|stale (was 61.5 °C)|5m|the agent is away",
    ]);
  });

  it.each([
    ["underVoltage", "", 1, "yes"],
    ["powerFactor", "", 1, "1"],
    ["fanRevolutionsPerMinute", "rpm", 11_532, "11532 rpm"],
    ["voltageVolts", "V", -0.00012341, "-0.0001234 V"],
    ["memoryAvailableBytes", "B", 3_214_567_890, "3.215 GB"],
    ["ofALaterVersion", "", 12.345678, "12.35"],
  ])("%s in %j: %d is %s", (quantity, unit, value, text) => {
    expect(valueText(quantity, unit, value)).toBe(text);
  });
});

describe("what sensors have said", () => {
  const series = {
    node: "n1",
    sensor: "supply",
    quantity: "powerWatts",
    unit: "W",
    points: [
      { at: AT, mean: 4, min: 3, max: 5, last: 5, count: 1 },
      { at: "2026-11-23T05:30:00.000Z", mean: 8, min: 2, max: 9, last: 7, count: 3 },
    ],
  } as unknown as ReadingSeries;
  const span = { from: AT, to: "2026-11-23T06:00:00.000Z" };

  it("is the least, the mean of all readings, the greatest and the last, drawn on a terminal", () => {
    expect(historyColumns(span, 4).row(series)).toEqual([
      "n1",
      "supply",
      "powerWatts",
      "2 W",
      "7 W",
      "9 W",
      "7 W",
      "▁ █ ",
    ]);
    expect(historyColumns(span, 0).row(series)).toHaveLength(7);
  });

  it("may be nothing", () => {
    expect(
      historyColumns(span, 2)
        .row({ ...series, points: [] })
        .slice(3),
    ).toEqual(["-", "-", "-", "-", "  "]);
  });
});

describe("a screen of sensors", () => {
  it("grows older while nothing comes, and shows nothing stale as fresh (P9)", () => {
    const [first] = NODES;
    if (!first) throw new Error("there is one");
    const values = (ms: number): string[] =>
      sensorRows([agedBy(first, ms)]).map(({ value, ageMs }) => `${value} ${ageMs}`);
    expect(values(26_000)[0]).toBe("5.021 V 29200");
    expect(values(26_801)[0]).toBe("stale (was 5.021 V) 30001");
    expect(values(26_801)[4]).toBe("stale (was alive) 30001");
  });

  it("says below all that it is not connected", () => {
    const text = screen(sensorRows(NODES), { columns: 60, lines: 5 }, "not connected for 3s");
    const lines = text.slice(3).split("\n");
    expect(lines).toHaveLength(5);
    expect(lines[3]).toContain("not connected for 3s");
  });

  it("stays where it is and within the terminal, and takes nothing that moves the cursor", () => {
    const [first = ""] = NODES;
    const rows = sensorRows([{ ...(first as NodeSensors), node: "n\u001b[2J" as never }]);
    const text = screen(rows, { columns: 30, lines: 6 });
    expect(text.startsWith("\u001b[H")).toBe(true);
    expect(text.endsWith("\u001b[J")).toBe(true);
    expect(text).not.toContain("\u001b[2J");
    const lines = text.slice(3).split("\n");
    expect(lines).toHaveLength(6);
    expect(lines[4]).toContain("… and 4 more");
    for (const line of lines) expect(line.replace("\u001b[K", "").length).toBeLessThan(40);
  });
});

describe("alarms", () => {
  it.each([
    ["node:n1", "silent", "n1/silent"],
    ["agent:rack-a", "agent-clock", "agent:rack-a/agent-clock"],
  ])("of %s are named so that they can be found again", (subject, id, name) => {
    expect(alarmName({ subject, id })).toBe(name);
    expect(alarmOfName(name)).toEqual({ subject, alarm: id });
  });

  it.each(["n1", "n1/", "../x/y", "node:n1/a/b"])("%s is no name of one", (name) => {
    expect(alarmOfName(name)).toBeUndefined();
  });

  it("say whether they stand, who has seen them, and how often they came", () => {
    const now = new Date("2026-11-23T05:10:00.000Z");
    const alarm = {
      seq: 1,
      subject: "node:n1",
      id: "silent",
      rule: "silent",
      kind: "silent",
      severity: "Critical",
      message: "no sign of life",
      raisedAt: AT,
      flaps: 3,
      acknowledged: { actor: "person:anna", at: AT, comment: "on my way" },
    } as never;
    expect(alarmColumns(now).row(alarm)).toEqual([
      "n1/silent",
      "Critical",
      "10m",
      "stands, seen by person:anna (on my way), came and went 3 times",
      "no sign of life",
    ]);
  });
});

it("knows the severities of events", () => {
  expect(SEVERITIES).toEqual(ALL_SEVERITIES);
});
