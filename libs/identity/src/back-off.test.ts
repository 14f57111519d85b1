import { describe, expect, it } from "vitest";
import { BackOff } from "./back-off.js";
import { SteppingClock } from "./testing/support.js";

describe("holding up who guesses", () => {
  it("makes a name wait for longer and longer, a second at most, and never keeps it out", () => {
    const backOff = new BackOff(new SteppingClock());
    const waits: number[] = [];
    for (let attempt = 0; attempt < 8; attempt++) {
      waits.push(backOff.waitMs("alice"));
      backOff.failed("alice", `192.0.2.${attempt}`);
    }
    expect(waits).toEqual([0, 125, 250, 500, 1000, 1000, 1000, 1000]);
    expect(backOff.waitMs("bob")).toBe(0);
    expect(backOff.refusedForMs("198.51.100.1")).toBe(0);
    backOff.succeeded("alice", "192.0.2.1");
    expect(backOff.waitMs("alice")).toBe(0);
  });

  it("refuses an address that fails on, five seconds at most, and lets it try again", () => {
    const clock = new SteppingClock();
    const backOff = new BackOff(clock);
    for (let attempt = 0; attempt < 9; attempt++) backOff.failed(`name-${attempt}`, "192.0.2.1");
    expect(backOff.refusedForMs("192.0.2.1")).toBe(0);
    backOff.failed("name-9", "192.0.2.1");
    expect(backOff.refusedForMs("192.0.2.1")).toBe(250);
    for (let attempt = 0; attempt < 50; attempt++) backOff.failed("x", "192.0.2.1");
    expect(backOff.refusedForMs("192.0.2.1")).toBe(5000);
    clock.advance(5000);
    expect(backOff.refusedForMs("192.0.2.1")).toBe(0);
    clock.advance(15 * 60_000);
    backOff.failed("x", "192.0.2.1");
    expect(backOff.refusedForMs("192.0.2.1")).toBe(0);
  });

  it("remembers no more than ten thousand names", () => {
    const backOff = new BackOff(new SteppingClock());
    backOff.failed("first", "a");
    for (let number = 0; number < 10_000; number++) backOff.failed(`name-${number}`, "a");
    expect(backOff.waitMs("first")).toBe(0);
    expect(backOff.waitMs("name-0")).toBe(125);
  });
});
