import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BEACON_SILENCE_MS, ClockTable, DRIFT } from "./clock-table.js";

const span = (max: number): fc.Arbitrary<number> => fc.double({ min: 0, max, noNaN: true });

describe("the age of a command", () => {
  test("is unknown without a beacon, and again after thirty seconds without one", () => {
    const table = new ClockTable();
    const stamp = { id: "a", ms: 5000 };
    expect(table.ageMs(stamp, 0)).toBeUndefined();
    table.sample(stamp, 0);
    expect(table.ageMs(stamp, 0)).toBeUndefined();
    table.observe({ id: "a", ms: 5000 }, 0);
    expect(table.ageMs(stamp, 0)).toBe(0);
    expect(table.ageMs({ id: "b", ms: 5000 }, 0)).toBeUndefined();
    table.sample({ id: "a", ms: 5000 + BEACON_SILENCE_MS }, BEACON_SILENCE_MS);
    expect(table.ageMs(stamp, BEACON_SILENCE_MS)).toBeGreaterThan(0);
    expect(table.ageMs(stamp, BEACON_SILENCE_MS + 1)).toBeUndefined();
  });

  test("is never larger than it is, and too small by no more than the quickest reading was late", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e9, max: 1e9, noNaN: true }),
        fc.array(fc.record({ afterMs: span(20_000), delayMs: span(20_000) }), { minLength: 1 }),
        span(20_000),
        span(5000),
        (offsetMs, readings, agoMs, commandDelayMs) => {
          const table = new ClockTable();
          let localMs = 2e9;
          let quickestMs = Number.POSITIVE_INFINITY;
          for (const { afterMs, delayMs } of readings) {
            localMs += afterMs;
            table.observe({ id: "a", ms: localMs - delayMs + offsetMs }, localMs);
            quickestMs = Math.min(quickestMs, delayMs);
          }
          const ageMs = agoMs + commandDelayMs;
          const stamp = { id: "a", ms: localMs - ageMs + offsetMs };
          table.sample(stamp, localMs);
          quickestMs = Math.min(quickestMs, ageMs);
          const found = table.ageMs(stamp, localMs) ?? Number.NaN;
          const driftMs = readings.length * 20_000 * DRIFT;
          expect(found).toBeLessThanOrEqual(ageMs + 1e-3);
          expect(found).toBeGreaterThanOrEqual(ageMs - quickestMs - driftMs - 1e-3);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test("stays right for months although the clocks drift apart", () => {
    for (const rate of [1 - 200e-6, 1, 1 + 200e-6]) {
      const table = new ClockTable();
      const issuerMs = (localMs: number): number => 1e9 + localMs * rate;
      const everyMs = 20_000;
      let localMs = 0;
      for (; localMs < 60 * 86_400_000; localMs += everyMs) {
        table.observe({ id: "a", ms: issuerMs(localMs) }, localMs + 5);
      }
      const age = table.ageMs({ id: "a", ms: issuerMs(localMs) - 3000 }, localMs + 10);
      expect(age).toBeGreaterThan(3000 - 20);
      expect(age).toBeLessThan(3000 + 20);
    }
  });

  test("is not fooled when every message is suddenly held up", () => {
    const table = new ClockTable();
    let localMs = 0;
    for (; localMs < 600_000; localMs += 2000) table.observe({ id: "a", ms: localMs }, localMs);
    // From now on the network holds everything for twenty seconds.
    for (; localMs < 1_200_000; localMs += 2000) {
      table.observe({ id: "a", ms: localMs }, localMs + 20_000);
    }
    expect(table.ageMs({ id: "a", ms: localMs }, localMs + 20_000)).toBeGreaterThan(19_500);
  });

  test("of one issuer does not depend on another’s", () => {
    const table = new ClockTable();
    table.observe({ id: "old", ms: 1e9 }, 0);
    table.observe({ id: "new", ms: 0 }, 1000);
    expect(table.ageMs({ id: "new", ms: 0 }, 1000)).toBe(0);
    expect(table.ageMs({ id: "old", ms: 1e9 }, 1000)).toBe(1000 - 1000 * DRIFT);
  });
});
