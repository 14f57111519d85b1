import { describe, expect, it } from "vitest";
import { BusyError, Turnstile } from "./turnstile.js";

describe("a turnstile", () => {
  it("lets a few through at once, in order, and turns away whom it cannot seat", async () => {
    const turnstile = new Turnstile(2, 3);
    const order: number[] = [];
    let inside = 0;
    let most = 0;
    const outcomes = await Promise.allSettled(
      [1, 2, 3, 4, 5, 6, 7].map((number) =>
        turnstile.pass(async () => {
          most = Math.max(most, ++inside);
          await Promise.resolve();
          inside--;
          order.push(number);
          if (number === 2) throw new Error("two");
        }),
      ),
    );
    expect(most).toBe(2);
    expect(order).toEqual([1, 2, 3, 4, 5]);
    const failures = outcomes.flatMap((one) =>
      one.status === "rejected" ? [one.reason as Error] : [],
    );
    expect(failures.map((one) => one.constructor.name)).toEqual([
      "Error",
      "BusyError",
      "BusyError",
    ]);
    await expect(turnstile.pass(async () => "again")).resolves.toBe("again");
    expect(failures[1]).toBeInstanceOf(BusyError);
  });
});
