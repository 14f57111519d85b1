import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventNumbers } from "./event-numbers.js";

describe("the numbers of an agent's events", () => {
  it("are acknowledged only once it is known where they begin", () => {
    const numbers = new EventNumbers();
    expect(numbers.judge("e1", 7)).toEqual({ handle: true, acknowledge: undefined });
    expect(numbers.judge("e1", 8)).toEqual({ handle: true, acknowledge: undefined });
    // The agent sends its list again: 6 had been lost.
    expect(numbers.judge("e1", 6)).toEqual({ handle: true, acknowledge: 6 });
    expect(numbers.judge("e1", 7)).toEqual({ handle: false, acknowledge: 7 });
    expect(numbers.judge("e1", 8)).toEqual({ handle: false, acknowledge: 8 });
    expect(numbers.judge("e1", 9)).toEqual({ handle: true, acknowledge: 9 });
    expect(numbers.judge("e1", 9)).toEqual({ handle: false, acknowledge: 9 });
  });

  it("never acknowledge across a gap", () => {
    const numbers = new EventNumbers();
    numbers.judge("e1", 1);
    numbers.judge("e1", 1);
    expect(numbers.judge("e1", 3)).toEqual({ handle: true, acknowledge: undefined });
    expect(numbers.judge("e1", 2)).toEqual({ handle: true, acknowledge: 2 });
    expect(numbers.judge("e1", 3)).toEqual({ handle: false, acknowledge: 3 });
  });

  it("begin anew with each session, also below where they were", () => {
    const numbers = new EventNumbers();
    for (const seq of [500, 500, 501]) numbers.judge("e1", seq);
    expect(numbers.judge("e2", 1)).toEqual({ handle: true, acknowledge: undefined });
    expect(numbers.judge("e2", 1)).toEqual({ handle: false, acknowledge: 1 });
  });

  it("lose nothing and handle nothing twice, however late the listener comes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 1, max: 4 }),
        (count, unheard, window) => {
          const numbers = new EventNumbers();
          const handled: number[] = [];
          let first = 1;
          let sent = 0;
          // Rounds of a few from the first that is kept, as an agent sends them.
          for (let round = 0; first <= count && round < 60; round++) {
            for (let seq = first; seq <= Math.min(count, first + window); seq++) {
              if (sent++ < unheard) continue;
              const { handle, acknowledge = 0 } = numbers.judge("e", seq);
              if (handle) handled.push(seq);
              for (let one = first; one <= acknowledge; one++) expect(handled).toContain(one);
              first = Math.max(first, acknowledge + 1);
            }
          }
          expect(first).toBe(count + 1);
          expect(handled.toSorted((a, b) => a - b)).toEqual(
            Array.from({ length: count }, (_, index) => index + 1),
          );
        },
      ),
    );
  });
});
