import type { Clock } from "@outrider/contracts/clock";
import { describe, expect, it } from "vitest";
import { Stalls } from "./stalls.js";

/** A clock whose ticks come only when they are let through, as in a process that is stopped. */
class StoppableClock implements Pick<Clock, "monotonicMs" | "every"> {
  nowMs = 1000;
  #tick = (): void => {};

  readonly monotonicMs = (): number => this.nowMs;

  readonly every = (_: number, run: () => void): (() => void) => {
    this.#tick = run;
    return () => (this.#tick = () => {});
  };

  run(spanMs: number): void {
    for (const end = this.nowMs + spanMs; this.nowMs < end;) {
      this.nowMs += 100;
      this.#tick();
    }
  }
}

describe("a process that stood still (P3)", () => {
  function stalls(): { clock: StoppableClock; watch: Stalls } {
    const clock = new StoppableClock();
    return { clock, watch: new Stalls(clock as unknown as Clock) };
  }

  it("believes the time of what it reads while it runs", () => {
    const { clock, watch } = stalls();
    clock.run(5000);
    clock.nowMs += 90;
    expect(watch.arrivedMs(clock.nowMs)).toBe(clock.nowMs);
  });

  it("takes what it reads first after a stop for as old as the stop", () => {
    const { clock, watch } = stalls();
    clock.run(1000);
    const before = clock.nowMs;
    clock.nowMs += 12_000;
    expect(watch.arrivedMs(clock.nowMs)).toBe(before);
    // Also when the timer came first.
    clock.run(100);
    expect(watch.arrivedMs(clock.nowMs + 500)).toBe(before);
    clock.run(2000);
    expect(watch.arrivedMs(clock.nowMs)).toBe(clock.nowMs);
  });

  it("believes what comes on a connection that was made since", () => {
    const { clock, watch } = stalls();
    clock.run(1000);
    clock.nowMs += 12_000;
    clock.run(100);
    watch.connected();
    expect(watch.arrivedMs(clock.nowMs + 20)).toBe(clock.nowMs + 20);
  });
});
