import { describe, expect, it } from "vitest";
import { ReadPace } from "./read-pace.js";

/** Feeds so many bytes every so often; @returns the share of the reads after which it waits */
function share(bytes: number, everyMs: number, forMs: number): number {
  const pace = new ReadPace();
  let waits = 0;
  let reads = 0;
  for (let nowMs = 0; nowMs < forMs; nowMs += everyMs) {
    reads += 1;
    if (pace.heavy(bytes, nowMs)) waits += 1;
  }
  return waits / reads;
}

describe("ReadPace", () => {
  it("never holds back typing, or an echo every millisecond, however long", () => {
    expect(share(1, 1, 60_000)).toBe(0);
    expect(share(16, 100, 60_000)).toBe(0);
  });

  it("lets what comes at 115,200 baud or more gather", () => {
    expect(share(12, 1, 10_000)).toBeGreaterThan(0.95);
    expect(share(150, 1, 10_000)).toBeGreaterThan(0.99);
  });

  it("hands on a line or a prompt at once, and what follows a flood after a pause", () => {
    const pace = new ReadPace();
    expect(pace.heavy(80, 0)).toBe(false);
    expect(pace.heavy(65_536, 1)).toBe(true);
    expect(pace.heavy(1, 300)).toBe(false);
  });
});
