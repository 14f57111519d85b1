import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addToRolled,
  mergeRaw,
  mergeRolled,
  readRaw,
  readRolled,
  readTimed,
  rollUp,
  rollUpAll,
  without,
  writeRaw,
  writeRolled,
  type RawBlock,
} from "./blocks.js";

const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -100_000, max: 100_000 }).map((whole) => whole / 1000),
  fc.constantFrom(0, -0, 5, 1e-9, 2 ** 53, -(2 ** 53), 1e300, 0.1 + 0.2),
);
const point = fc.tuple(fc.integer({ min: 0, max: 3_599_999 }), value);

function blockOf(points: readonly (readonly [number, number])[]): RawBlock {
  return mergeRaw(
    undefined,
    points.map(([at]) => at),
    points.map(([, one]) => one),
  );
}

describe("a block of points", () => {
  it("can be read again to the last bit", () => {
    const property = fc.property(fc.array(point), (points) => {
      const block = blockOf(points);
      const again = readRaw(writeRaw(block));
      expect([...again.at]).toEqual([...block.at]);
      expect([...again.values]).toEqual([...block.values]);
    });
    fc.assert(property);
  });

  it("has each time once, in order, with the value that came last", () => {
    const property = fc.property(fc.array(point), fc.array(point), (first, second) => {
      const merged = mergeRaw(
        blockOf(first),
        second.map(([at]) => at),
        second.map(([, one]) => one),
      );
      const expected = [...new Map([...first, ...second])].toSorted(([a], [b]) => a - b);
      expect([...merged.at].map((at, index) => [at, merged.values[index]])).toEqual(expected);
    });
    fc.assert(property);
  });

  it("takes few bytes for what a sensor tells", () => {
    const points = Array.from(
      { length: 360 },
      (_, index) => [index * 10_000 + (index % 3), 5 + ((index * 7) % 40) / 1000] as const,
    );
    expect(writeRaw(blockOf(points)).length / points.length).toBeLessThan(4);
  });
});

describe("a rolled-up block", () => {
  const steady = fc.tuple(
    fc.integer({ min: 0, max: 3_599_999 }),
    fc.integer({ min: -1_000_000, max: 1_000_000 }).map((whole) => whole / 1000),
  );

  it("tells count, sum, smallest, largest and last of its points", () => {
    const property = fc.property(fc.array(steady), (points) => {
      const raw = blockOf(points);
      const rolled = readRolled(writeRolled(rollUp(raw, 60_000)));
      const times = [...raw.at];
      const minutes = [...new Set(times.map((at) => Math.floor(at / 60_000)))];
      expect([...rolled.slots]).toEqual(minutes);
      for (const [index, minute] of minutes.entries()) {
        const own = [...raw.values].filter(
          (_, at) => Math.floor((times[at] ?? 0) / 60_000) === minute,
        );
        expect(rolled.counts[index]).toBe(own.length);
        expect(rolled.sums[index]).toBeCloseTo(
          own.reduce((sum, one) => sum + one, 0),
          6,
        );
        expect(rolled.mins[index]).toBe(Math.min(...own));
        expect(rolled.maxs[index]).toBe(Math.max(...own));
        expect(rolled.lasts[index]).toBe(own.at(-1));
      }
      const all = rollUpAll(rolled, 7);
      if (points.length > 0) expect([...all.counts]).toEqual([raw.at.length]);
    });
    fc.assert(property);
  });

  it("knows the times of its points where it was told them, and so which are new", () => {
    const property = fc.property(fc.array(steady), fc.array(steady), (first, second) => {
      const [known, more] = [blockOf(first), blockOf(second)];
      const bytes = writeRolled(rollUp(known, 60_000), known.at);
      const { rolled, at = new Float64Array() } = readTimed(bytes);
      expect([...at]).toEqual([...known.at]);
      expect(rolled).toEqual(readTimed(writeRolled(rolled)).rolled);
      const news = without(more, at);
      const expected = [...more.at].filter((one) => !known.at.includes(one));
      expect([...news.at]).toEqual(expected);
      expect(news.values).toHaveLength(expected.length);
    });
    fc.assert(property);
    expect(readTimed(writeRolled(rollUp(blockOf([[0, 1]]), 60_000))).at).toBeUndefined();
  });

  it("that gets points later is as if it had been made of all of them at once", () => {
    const property = fc.property(fc.array(steady), fc.array(steady), (first, second) => {
      const known = blockOf(first);
      const news = without(blockOf(second), known.at);
      const before = { rolled: rollUp(known, 60_000), at: known.at };
      const { rolled, at } = addToRolled(before, news, 60_000);
      const whole = blockOf([...second, ...first]);
      const expected = rollUp(whole, 60_000);
      expect([...(at ?? [])]).toEqual([...whole.at]);
      for (const column of ["slots", "counts", "mins", "maxs", "lasts"] as const) {
        expect([...rolled[column]]).toEqual([...expected[column]]);
      }
      rolled.sums.forEach((sum, index) => expect(sum).toBeCloseTo(expected.sums[index] ?? 0, 6));
    });
    fc.assert(property);
  });

  it("takes the place of slots that are there, or is added to them", () => {
    const before = rollUp(
      blockOf([
        [0, 1],
        [60_000, 5],
      ]),
      60_000,
    );
    const added = rollUp(blockOf([[60_001, 7]]), 60_000);
    expect([...mergeRolled(before, added, "replace").sums]).toEqual([1, 7]);
    const sum = mergeRolled(before, added, "add");
    expect([[...sum.counts], [...sum.sums], [...sum.mins], [...sum.lasts]]).toEqual([
      [1, 2],
      [1, 12],
      [1, 5],
      [1, 7],
    ]);
  });
});
