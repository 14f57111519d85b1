import { agentId, nodeId } from "@outrider/contracts/ids";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import { Latest } from "./latest.js";

const NOW = Date.parse("2026-11-23T05:00:00.000Z");
const HOUR = 3_600_000;
const SENSOR = { node: nodeId("n1"), kind: "sensor", name: "supply" } as const;

describe("what is news of a sensor", () => {
  let latest: Latest;
  beforeEach(() => {
    latest = new Latest(new VirtualClock());
  });

  /** @returns whether it was news */
  const reads = (atMs: number, takenMs: number): boolean => {
    if (!latest.isNews(SENSOR, { atMs, takenMs })) return false;
    const common = { node: SENSOR.node, agent: agentId("rack-a"), staleAfterMs: 30_000 };
    latest.sensorRead({ ...common, sensor: "supply", atMs, takenMs, values: {}, absent: {} });
    return true;
  };

  it("is what was taken later, also by a calendar that was set back or ahead by an hour", () => {
    expect(reads(NOW, 1000)).toBe(true);
    expect(reads(NOW - HOUR + 1000, 2000)).toBe(true);
    expect(reads(NOW - HOUR + 2000, 3000)).toBe(true);
    expect(reads(NOW + 3000, 4000)).toBe(true);
  });

  it("is not what is sent again, nor what is older, however long either was on its way", () => {
    expect(reads(NOW, 1000)).toBe(true);
    expect(reads(NOW, 1000)).toBe(false);
    expect(reads(NOW, 1700)).toBe(false);
    expect(reads(NOW - 10, 3000)).toBe(false);
    expect(reads(NOW - 60_000, -59_000)).toBe(false);
    expect(reads(NOW + 100, 900)).toBe(true);
  });

  it("is not what was taken before the calendar was set ahead", () => {
    expect(reads(NOW, 20_000)).toBe(true);
    expect(reads(NOW + HOUR - 15_000, 5000)).toBe(false);
  });
});
