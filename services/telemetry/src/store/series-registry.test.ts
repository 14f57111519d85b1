import { hours } from "@outrider/contracts/clock";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { describe, expect, it } from "vitest";
import { SeriesRegistry } from "./series-registry.js";

describe("the series of a store", () => {
  it("are so many and no more, however fast new ones come, and those that are known go on", () => {
    using registry = new SeriesRegistry(1000, new VirtualClock(), false);
    const known = registry.admit("node_sensor,node=n1", "voltageVolts");
    let admitted = 0;
    for (let n = 0; n < 50_000; n++) if (registry.admit(`m,x=${n}`, "a")) admitted += 1;
    expect([admitted, registry.size]).toEqual([999, 1000]);
    expect(registry.admit("node_sensor,node=n1", "voltageVolts")).toBe(known);
    expect(registry.admit("node_sensor,node=n1", "powerWatts")).toBeUndefined();
  });

  it("make room when they were not written for a day", async () => {
    const clock = new VirtualClock();
    using registry = new SeriesRegistry(2, clock, false);
    registry.admit("m,x=1", "a");
    registry.admit("m,x=2", "a");
    for (let hour = 0; hour < 25; hour++) {
      await clock.advance(hours(1));
      registry.admit("m,x=2", "a");
    }
    expect(registry.size).toBe(1);
    expect(registry.admit("m,x=3", "a")).toBeDefined();
    expect([...registry.all()].map(([key]) => key)).toEqual(["m,x=2", "m,x=3"]);
  });

  it("keep their ids where these stand on a disk, and do not count until they are written", async () => {
    const clock = new VirtualClock();
    using registry = new SeriesRegistry(2, clock, true, 5);
    registry.restore("m,x=1", "a", 3);
    expect(registry.size).toBe(0);
    const made: number[] = [];
    const isNew = (id: number): void => void made.push(id);
    expect(registry.admit("m,x=1", "a", isNew)?.id).toBe(3);
    expect(registry.admit("m,x=2", "a", isNew)?.id).toBe(4);
    await clock.advance(hours(30));
    expect(registry.size).toBe(0);
    expect(registry.admit("m,x=1", "a", isNew)?.id).toBe(3);
    expect(registry.admit("m,x=3", "a", isNew)?.id).toBe(5);
    await clock.advance(hours(30));
    // There are no more ids.
    expect(registry.admit("m,x=4", "a", isNew)).toBeUndefined();
    expect(made).toEqual([4, 5]);
  });
});
