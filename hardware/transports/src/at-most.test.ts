import { describe, expect, it } from "vitest";
import { AtMost } from "./at-most.js";

const never = new AbortController().signal;

describe("at most so many at once", () => {
  it("lets no more in than it says, and everybody in the end, in order", async () => {
    const gate = new AtMost(3);
    const began: number[] = [];
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 20 }, (_, nth) =>
        gate.run(never, async () => {
          began.push(nth);
          inside += 1;
          most = Math.max(most, inside);
          for (let turns = 0; turns <= nth % 4; turns += 1) await Promise.resolve();
          inside -= 1;
        }),
      ),
    );
    expect(most).toBe(3);
    expect(began).toEqual(Array.from({ length: 20 }, (_, nth) => nth));
  });

  it("lets who waits give up, and gives their turn to the next", async () => {
    const gate = new AtMost(1);
    const first = Promise.withResolvers<void>();
    const running = gate.run(never, () => first.promise);
    const given = new AbortController();
    const reason = new Error("given up");
    const gaveUp = gate.run(given.signal, () => expect.unreachable("it had given up"));
    const third = gate.run(never, async () => "third");
    given.abort(reason);
    await expect(gaveUp).rejects.toBe(reason);
    first.resolve();
    await running;
    expect(await third).toBe("third");
  });

  it("goes on after one that failed", async () => {
    const gate = new AtMost(1);
    const wrong = new Error("wrong");
    await expect(gate.run(never, () => Promise.reject(wrong))).rejects.toBe(wrong);
    expect(await gate.run(never, async () => 1)).toBe(1);
    await expect(gate.run(AbortSignal.abort(wrong), async () => 1)).rejects.toBe(wrong);
  });
});
