import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClockOffset, takenAtMs } from "./clock-offset.js";

const HOUR = 3_600_000;
const NOW = Date.parse("2026-11-23T05:00:00.000Z");

describe("the offset of an agent's clock", () => {
  it("is none while it is small, whatever it does", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -2000, max: 2000 })), (offsets) => {
        const clock = new ClockOffset();
        for (const [at, offset] of offsets.entries()) {
          expect(clock.seen(offset, at * 1000)).toBe(false);
        }
        expect(clock.ms).toBe(0);
      }),
    );
  });

  it("is rounded, and held while the clock drifts a little", () => {
    const clock = new ClockOffset();
    expect(clock.seen(HOUR + 321, 0)).toBe(true);
    expect(clock.ms).toBe(HOUR);
    for (const drift of [1900, -1900, 400]) expect(clock.seen(HOUR + drift, 1000)).toBe(false);
    expect(clock.ms).toBe(HOUR);
    expect(clock.seen(HOUR + 2600, 2000)).toBe(true);
    expect(clock.ms).toBe(HOUR + 3000);
  });

  it("is none again once the clock has been set", () => {
    const clock = new ClockOffset(HOUR);
    expect(clock.seen(-90, 0)).toBe(true);
    expect(clock.ms).toBe(0);
  });

  it("is not smaller because messages were long on their way", () => {
    const clock = new ClockOffset();
    for (const [at, delay] of [0, 5000, 9000, 30_000, 200, 8000].entries()) {
      expect(clock.seen(-delay, at * 3000)).toBe(false);
    }
    expect(clock.ms).toBe(0);
  });

  it("is smaller when it stays so, by the least that was seen", () => {
    const clock = new ClockOffset();
    expect([0, 4, 8, 12].map((at) => clock.seen(-20_000 - at, at * 1000))).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect(clock.ms).toBe(-20_000);
  });
});

describe("the time of a reading", () => {
  const at = (ms: number): string => new Date(ms).toISOString();

  it("is the agent's, where its clock is right", () => {
    expect(takenAtMs({ at: at(NOW - 700), ageMs: 705 }, at(NOW), 0, NOW)).toBe(NOW - 700);
  });

  it("is the same when it is sent again, an hour later, by a clock that is wrong", () => {
    const taken = NOW - 5 * HOUR;
    const wrong = -7 * HOUR;
    const first = takenAtMs(
      { at: at(taken + wrong), ageMs: 40 },
      at(taken + wrong + 40),
      wrong,
      NOW,
    );
    const again = takenAtMs(
      { at: at(taken + wrong), ageMs: HOUR + 13 },
      at(taken + wrong + HOUR),
      wrong,
      NOW,
    );
    expect(first).toBe(taken);
    expect(again).toBe(taken);
  });

  it("is by its age where the agent had no calendar yet when it was taken", () => {
    const ageMs = 60_000;
    const told = takenAtMs({ at: "1970-01-01T00:00:12.000Z", ageMs }, at(NOW), 0, NOW);
    expect(Math.abs((told ?? 0) - (NOW - ageMs))).toBeLessThanOrEqual(500);
  });

  it.each([
    ["1970-01-01T00:00:00.000Z", "1970-01-01T00:00:01.000Z"],
    ["2019-12-31T23:59:58.999Z", "2019-12-31T23:59:59.999Z"],
    ["2106-02-07T06:28:15.000Z", "2106-02-07T06:28:16.000Z"],
    [at(NOW + 60_000), at(NOW + 61_000)],
    ["2026-13-31T00:00:00.000Z", "2026-13-31T00:00:01.000Z"],
  ])("is refused at %s", (taken, sent) => {
    expect(takenAtMs({ at: taken, ageMs: 1000 }, sent, 0, NOW)).toBeUndefined();
  });
});
