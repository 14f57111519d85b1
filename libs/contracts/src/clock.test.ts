import { getEventListeners } from "node:events";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  milliseconds,
  minutes,
  parseDuration,
  seconds,
  systemClock,
  timestamp,
  type Duration,
} from "./clock.js";
import { TIMESTAMP_PATTERN } from "./decorators.js";

describe("parseDuration", () => {
  it.each([
    ["500ms", 500],
    ["2s", 2000],
    ["1.5m", 90_000],
    ["1h", 3_600_000],
    ["7d", 604_800_000],
    ["1.001s", 1001],
    ["0s", 0],
  ])("reads %s as %d ms", (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it.each([
    "",
    "5",
    "s",
    "-1s",
    "+1s",
    "1 s",
    "1S",
    "1e3s",
    "1.s",
    ".5s",
    "1.0001s",
    "1s\n",
    "1s1s",
    "Infinitys",
  ])("takes %j for no duration", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it("always gives whole milliseconds, which is how durations are sent", () => {
    fc.assert(
      fc.property(
        fc.nat(100_000_000),
        fc.integer({ min: 0, max: 999 }),
        fc.constantFrom("ms", "s", "m", "h", "d"),
        (whole, fraction, unit) => {
          const read = parseDuration(`${whole}.${String(fraction).padStart(3, "0")}${unit}`);
          expect(Number.isSafeInteger(read)).toBe(true);
        },
      ),
    );
  });

  it("is the only way to a duration beside the units", () => {
    // @ts-expect-error a bare number is no duration
    const bare: Duration = 5;
    expect([milliseconds(5), seconds(5), minutes(5)]).toEqual([bare, 5000, 300_000]);
  });
});

/** What has become of a promise, without waiting for it. */
function watch(promise: Promise<void>): { readonly state: unknown } {
  const watched: { state: unknown } = { state: "pending" };
  promise.then(
    () => (watched.state = "resolved"),
    (reason: unknown) => (watched.state = reason),
  );
  return watched;
}

describe("systemClock", () => {
  beforeEach(() => vi.useFakeTimers({ now: new Date("2026-11-23T01:02:03.456Z") }));
  afterEach(() => vi.useRealTimers());

  it("sleeps for the span, no less", async () => {
    const slept = watch(systemClock.sleep(seconds(2)));
    await vi.advanceTimersByTimeAsync(1999);
    expect(slept.state).toBe("pending");
    await vi.advanceTimersByTimeAsync(1);
    expect(slept.state).toBe("resolved");
  });

  it("sleeps longer than one timer can", async () => {
    const slept = watch(systemClock.sleep(parseDuration("60d") ?? seconds(0)));
    await vi.advanceTimersByTimeAsync(60 * 86_400_000 - 1);
    expect(slept.state).toBe("pending");
    await vi.advanceTimersByTimeAsync(1);
    expect(slept.state).toBe("resolved");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("gives the signal's reason when aborted, before or during, and leaves no timer or listener behind", async () => {
    const reason = new Error("deadline");
    const before = watch(systemClock.sleep(seconds(1), AbortSignal.abort(reason)));
    const controller = new AbortController();
    const during = watch(systemClock.sleep(parseDuration("60d") ?? seconds(0), controller.signal));
    await vi.advanceTimersByTimeAsync(40 * 86_400_000);
    expect([before.state, during.state]).toEqual([reason, "pending"]);
    controller.abort(reason);
    await vi.advanceTimersByTimeAsync(0);
    expect(during.state).toBe(reason);
    expect(vi.getTimerCount()).toBe(0);

    const unused = new AbortController();
    void systemClock.sleep(seconds(1), unused.signal);
    expect(getEventListeners(unused.signal, "abort")).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(getEventListeners(unused.signal, "abort")).toHaveLength(0);
  });

  it("repeats until told to stop", async () => {
    let runs = 0;
    const stop = systemClock.every(seconds(2), () => runs++);
    await vi.advanceTimersByTimeAsync(7000);
    expect(runs).toBe(3);
    stop();
    await vi.advanceTimersByTimeAsync(7000);
    expect(runs).toBe(3);
    expect(() => systemClock.every(parseDuration("25d") ?? seconds(0), () => {})).toThrow(
      RangeError,
    );
  });

  it("writes times in the one form of the wire", () => {
    expect(timestamp(systemClock)).toBe("2026-11-23T01:02:03.456Z");
    fc.assert(
      fc.property(
        fc.date({
          min: new Date(0),
          max: new Date("9999-12-31T23:59:59.999Z"),
          noInvalidDate: true,
        }),
        (now) => {
          expect(timestamp({ now: () => now })).toMatch(TIMESTAMP_PATTERN);
        },
      ),
    );
  });

  it("counts monotonic time by the process, not by the calendar", () => {
    const before = systemClock.monotonicMs();
    vi.setSystemTime(new Date("2001-01-01T00:00:00.000Z"));
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(before);
  });
});
