import { VirtualClock } from "@outrider/testing/virtual-clock";
import { describe, expect, it } from "vitest";
import { TIME_PATTERN, timeOf, timestampOf } from "./times.js";

const clock = new VirtualClock();

describe("a time in a query", () => {
  it("is RFC 3339, or so long before now", () => {
    expect(timeOf("2026-11-23T05:00:00.000001Z", clock)).toBe("2026-11-23T05:00:00.000001Z");
    const now = clock.now().getTime();
    expect(Date.parse(timeOf("1.5h", clock) ?? "")).toBe(now - 5_400_000);
    expect(timestampOf("2026-11-23T05:00:00Z", clock)).toBe("2026-11-23T05:00:00.000Z");
  });

  it("that is longer ago than there was time is its beginning (P19)", () => {
    expect(TIME_PATTERN.test("999999999d")).toBe(true);
    expect(timeOf("999999999d", clock)).toBe("1970-01-01T00:00:00.000Z");
  });

  it("that is no day of the calendar is refused", () => {
    expect(() => timeOf("2026-13-45T05:00:00Z", clock)).toThrow("is no date");
  });
});
