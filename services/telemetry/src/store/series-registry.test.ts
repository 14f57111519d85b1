import { hours } from "@outrider/contracts/clock";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { describe, expect, it } from "vitest";
import { SeriesRegistry, type Lasting } from "./series-registry.js";

const LASTING: Lasting = { lastId: 1000, most: 100, keptMs: hours(24 * 30) };
const long = { bornAgeMs: hours(24 * 9), seenAgeMs: hours(30) };

describe("the series of a store", () => {
  it("are so many and no more, however fast new ones come, and those that are known go on", () => {
    using registry = new SeriesRegistry(1000, new VirtualClock());
    const known = registry.admit("node_sensor,node=n1", "voltageVolts");
    let admitted = 0;
    for (let n = 0; n < 50_000; n++) if (registry.admit(`m,x=${n}`, "a")) admitted += 1;
    expect([admitted, registry.size]).toEqual([999, 1000]);
    expect(registry.admit("node_sensor,node=n1", "voltageVolts")).toBe(known);
    expect(registry.admit("node_sensor,node=n1", "powerWatts")).toBeUndefined();
  });

  it("make room when they were not written for a day", async () => {
    const clock = new VirtualClock();
    using registry = new SeriesRegistry(2, clock);
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

  it("hold their places over a restart, whatever comes before they are written again", () => {
    using registry = new SeriesRegistry(3, new VirtualClock(), LASTING);
    const ages = { bornAgeMs: hours(500), seenAgeMs: hours(2) };
    registry.restore({ id: 1, key: "m,x=1", field: "a" }, ages);
    registry.restore({ id: 4, key: "m,x=2", field: "a" }, ages);
    registry.restore({ id: 5, key: "m,x=3", field: "a" }, { ...ages, seenAgeMs: hours(48) });
    for (let n = 0; n < 50; n++) registry.admit(`hostile,x=${n}`, "a");
    expect(registry.admit("m,x=1", "a")?.id).toBe(1);
    expect(registry.admit("m,x=2", "a")?.id).toBe(4);
    // It was not written for two days, and its place went to another.
    expect(registry.admit("m,x=3", "a")).toBeUndefined();
    expect(registry.size).toBe(3);
  });

  it("keep their ids where these stand on a disk, until nothing is left of them", async () => {
    const clock = new VirtualClock();
    using registry = new SeriesRegistry(2, clock, { ...LASTING, lastId: 5 });
    registry.restore({ id: 3, key: "m,x=1", field: "a" }, long);
    const made: number[] = [];
    const isNew = (id: number): void => void made.push(id);
    expect(registry.admit("m,x=1", "a", isNew)?.id).toBe(3);
    await clock.advance(hours(30));
    expect(registry.size).toBe(0);
    expect(registry.forget()).toEqual([]);
    expect(registry.admit("m,x=1", "a", isNew)?.id).toBe(3);
    await clock.advance(LASTING.keptMs + hours(25));
    expect(registry.forget()).toEqual([{ id: 3, key: "m,x=1", field: "a" }]);
    for (const x of [4, 5]) registry.admit(`m,x=${x}`, "a", isNew);
    await clock.advance(hours(25));
    for (const x of [6, 7]) registry.admit(`m,x=${x}`, "a", isNew);
    await clock.advance(hours(25));
    expect(made.toSorted((a, b) => a - b)).toEqual([1, 2, 4, 5]);
    // There are no more ids until one is given back.
    expect(registry.admit("m,x=8", "a", isNew)).toBeUndefined();
    registry.release([3]);
    expect(registry.admit("m,x=8", "a", isNew)?.id).toBe(3);
  });

  it("that came and went within a day make room first where too many are known", async () => {
    const clock = new VirtualClock();
    using registry = new SeriesRegistry(100, clock, LASTING);
    for (let n = 0; n < 40; n++) {
      registry.restore({ id: n + 1, key: `old,x=${n}`, field: "a" }, long);
    }
    for (let n = 0; n < 55; n++) registry.admit(`hostile,x=${n}`, "a");
    // All that is known without a place is old: what holds a place stays.
    expect(registry.forget().map(({ key }) => key)).toHaveLength(15);
    await clock.advance(hours(30));
    for (let n = 0; n < 20; n++) registry.admit(`more,x=${n}`, "a");
    const gone = registry.forget();
    expect(gone).toHaveLength(20);
    expect(gone.every(({ key }) => key.startsWith("hostile"))).toBe(true);
    expect([...registry.all()].filter(([key]) => key.startsWith("old"))).toHaveLength(25);
  });
});
