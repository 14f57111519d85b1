import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { milliseconds } from "@outrider/ports/time";
import { describe, expect, it } from "vitest";
import { sharedTick } from "./shared-tick.js";

describe("sharedTick", () => {
  it("looks at all with one timer, until they have enough, and then runs none", async () => {
    const clock = new ManualClock();
    const tick = sharedTick(clock, milliseconds(5));
    expect(sharedTick(clock, milliseconds(5))).toBe(tick);
    const seen: string[] = [];
    let left = 2;
    const always = (): boolean => (seen.push("always"), true);
    tick.add(() => (seen.push("twice"), --left > 0));
    tick.add(always);
    expect(clock.sleeping).toBe(1);
    for (let n = 0; n < 3; n++) {
      clock.advance(5);
      await new Promise(setImmediate);
    }
    expect(seen).toEqual(["twice", "always", "twice", "always", "always"]);
    tick.remove(always);
    clock.advance(5);
    expect(seen.length).toBe(5);
    expect(clock.sleeping).toBe(0);
  });
});
