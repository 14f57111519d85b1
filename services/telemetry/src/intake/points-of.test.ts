import { endpointId, nodeId } from "@outrider/contracts/ids";
import type { EndpointReading } from "@outrider/contracts/reading-report";
import { describe, expect, it } from "vitest";
import { pointsOf, sorted } from "./points-of.js";

const node = nodeId("n1");
const reading = (more: Partial<EndpointReading>): EndpointReading => ({
  endpoint: endpointId("n1", "sensor", "supply"),
  node,
  at: "2026-11-23T05:00:00.000Z",
  ageMs: 0,
  ...more,
});

describe("the points of a reading", () => {
  it("have one field for each quantity, and say why there is no value", () => {
    const read = reading({
      values: { voltageVolts: 5.1, powerWatts: 4 },
      absent: { temperatureCelsius: "DeviceOff" },
    });
    expect(pointsOf({ node, kind: "sensor", name: "supply" }, read, sorted(read), 7)).toEqual([
      {
        measurement: "node_sensor",
        tags: { node: "n1", sensor: "supply" },
        atMs: 7,
        fields: { voltageVolts: 5.1, powerWatts: 4 },
      },
      {
        measurement: "node_absence",
        tags: { node: "n1", sensor: "supply", quantity: "temperatureCelsius" },
        atMs: 7,
        fields: { reason: 3 },
      },
    ]);
  });

  it("have no value that nothing can have, and none of an unknown quantity", () => {
    const read = reading({
      values: { temperatureCelsius: 1e6, voltageVolts: 5, constructor: 1, later: 2 } as never,
    });
    expect(sorted(read)).toEqual({
      values: { voltageVolts: 5 },
      absent: { temperatureCelsius: "NoReading" },
      refused: 3,
    });
  });

  it("tell a heartbeat that was looked for from one for which one could not look", () => {
    const source = { node, kind: "heartbeat", name: "lan" } as const;
    const seen = reading({ heartbeat: { proves: "network", alive: false } });
    expect(pointsOf(source, seen, sorted(seen), 7)).toEqual([
      {
        measurement: "node_heartbeat",
        tags: { node: "n1", heartbeat: "lan", proves: "network" },
        atMs: 7,
        fields: { alive: 0 },
      },
    ]);
    const blind = reading({ heartbeat: { proves: "network", absent: "TimedOut" } });
    expect(pointsOf(source, blind, sorted(blind), 7)).toMatchObject([
      {
        measurement: "node_absence",
        tags: { sensor: "lan", quantity: "alive" },
        fields: { reason: 4 },
      },
    ]);
  });
});
