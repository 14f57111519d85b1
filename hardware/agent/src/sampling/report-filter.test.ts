import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Said } from "./checked-sample.js";
import { ReportFilter, type Reporting } from "./report-filter.js";

const EVERY: Reporting = { sampleEveryMs: 1000, staleAfterMs: 10_000 };
const BAND: Reporting = { ...EVERY, deadband: { voltageVolts: 0.1 } };
const volts = (voltageVolts: number): Said => ({ values: { voltageVolts } });

/** Which of the samples, one a second, are told. */
function told(samples: readonly Said[], reporting: Reporting, all = false): number[] {
  const filter = new ReportFilter();
  return samples.flatMap((said, at) =>
    filter.isTold(said, at * 1000, reporting, all) ? [at] : [],
  );
}

describe("what is told of samples", () => {
  it("is everything, where nothing else is said, and while something happens", () => {
    const same = Array.from({ length: 9 }, () => volts(5));
    expect(told(same, EVERY)).toHaveLength(9);
    expect(told(same, BAND, true)).toHaveLength(9);
  });

  it("is what leaves the band around what was told last, so that no drift goes unseen", () => {
    const drift = [5, 5.05, 5.1, 5.11, 5.15, 5.2].map(volts);
    expect(told(drift, { ...BAND, staleAfterMs: 600_000, reportEveryMs: 100_000 })).toEqual([0, 3]);
  });

  it("is what is the same, too, three times before it would be stale, or as often as is said", () => {
    const same = Array.from({ length: 30 }, () => volts(5));
    expect(told(same, BAND)).toEqual([0, 3, 6, 9, 12, 15, 18, 21, 24, 27]);
    const seldom = { ...EVERY, staleAfterMs: 30_000, reportEveryMs: 10_000 };
    expect(told(same, seldom)).toEqual([0, 9, 18, 27]);
  });

  it("is any other number of a quantity without a band, and whatever is missing or wrong, at once", () => {
    const long = { ...BAND, staleAfterMs: 600_000, reportEveryMs: 100_000 };
    const heartbeat = { proves: "network", alive: true, tookMs: 1 } as const;
    const samples: Said[] = [
      { values: { voltageVolts: 5, currentAmperes: 1 } },
      { values: { voltageVolts: 5, currentAmperes: 1.001 } },
      { values: { currentAmperes: 1.001 }, absent: { voltageVolts: "NoReading" } },
      { values: { currentAmperes: 1.001 }, absent: { voltageVolts: "TimedOut" } },
      { values: { voltageVolts: 5, currentAmperes: 1.001 } },
      { values: { voltageVolts: 5, currentAmperes: 1.001 }, problem: "the bus is stuck" },
      { heartbeat },
      { heartbeat: { ...heartbeat, tookMs: 2, uptimeSeconds: 9 } },
      { heartbeat: { ...heartbeat, alive: false } },
    ];
    expect(told(samples, long)).toEqual([0, 1, 2, 3, 4, 5, 6, 8]);
  });

  it("is never further than the band from what is, nor older than it may be (property)", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 80 }),
        fc.integer({ min: 1000, max: 20_000 }),
        (values, reportEveryMs) => {
          const reporting = { ...BAND, reportEveryMs, staleAfterMs: 3 * reportEveryMs };
          const numbers = told(values.map(volts), reporting);
          let last = 0;
          values.forEach((value, at) => {
            if (numbers.includes(at)) last = at;
            expect(Math.abs(value - (values[last] ?? 0))).toBeLessThanOrEqual(0.1);
            expect((at - last) * 1000).toBeLessThanOrEqual(reportEveryMs);
          });
        },
      ),
    );
  });
});
