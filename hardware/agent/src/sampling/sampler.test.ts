import { setImmediate as turn } from "node:timers/promises";
import { milliseconds } from "@outrider/contracts/clock";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { describe, expect, it } from "vitest";
import { Sampler } from "./sampler.js";

async function advance(clock: ManualClock, ms: number): Promise<void> {
  await turn();
  clock.advance(ms);
  await turn();
}

describe("a sampler", () => {
  const defect = (error: unknown): void => expect.unreachable(String(error));

  it("takes one at once, then one in each interval, a tenth longer or shorter", async () => {
    const clock = new ManualClock();
    const taken: number[] = [];
    const randoms = [0, 1, 0.5];
    const take = async (): Promise<void> => void taken.push(clock.monotonicMs());
    await using _ = new Sampler({
      clock,
      everyMs: () => 1000,
      take,
      defect,
      random: () => randoms[taken.length - 1] ?? 0.5,
    });
    for (let ms = 0; ms < 3100; ms += 10) await advance(clock, 10);
    expect(taken).toEqual([0, 900, 2000, 3000]);
  });

  it("never takes two at once, however long one takes", async () => {
    const clock = new ManualClock();
    let running = 0;
    let most = 0;
    const take = async (signal: AbortSignal): Promise<void> => {
      most = Math.max(most, ++running);
      await clock.sleep(milliseconds(5000), signal);
      running -= 1;
    };
    await using _ = new Sampler({ clock, everyMs: () => 1000, take, defect });
    for (let ms = 0; ms < 20_000; ms += 500) await advance(clock, 500);
    expect(most).toBe(1);
  });

  it("takes one now when it is poked, and none when it has ended", async () => {
    const clock = new ManualClock();
    let taken = 0;
    const sampler = new Sampler({
      clock,
      everyMs: () => 600_000,
      take: async () => void (taken += 1),
      defect,
    });
    await advance(clock, 1);
    sampler.poke();
    await advance(clock, 1);
    expect(taken).toBe(2);
    await sampler[Symbol.asyncDispose]();
    clock.advance(10_000_000);
    await turn();
    expect(taken).toBe(2);
    expect(clock.sleeping).toBe(0);
  });
});
