import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SpoolOrder } from "./spool-order.js";

describe("the order of a spool", () => {
  it("takes one after another, and what is early or late not", () => {
    const order = new SpoolOrder(0);
    expect(order.judge(2, 1)).toBe("early");
    expect(order.judge(1, 1)).toBe("next");
    expect(order.accept()).toBe(1);
    expect(order.judge(1, 1)).toBe("under-way");
    expect(order.judge(2, 1)).toBe("next");
    expect(order.kept(1)).toBe(true);
    expect(order.judge(1, 1)).toBe("stored");
  });

  it("does not wait for what its agent does not keep any more", () => {
    const order = new SpoolOrder(3);
    expect(order.judge(9, 4)).toBe("early");
    expect(order.judge(9, 9)).toBe("next");
    expect(order.stored).toBe(8);
  });

  it("waits again for what could not be stored, with all after it", () => {
    const order = new SpoolOrder(0);
    for (const seq of [1, 2, 3]) {
      expect(order.judge(seq, 1)).toBe("next");
      order.accept();
    }
    order.kept(1);
    order.failed(2);
    order.failed(3);
    expect(order.judge(3, 1)).toBe("early");
    expect(order.judge(2, 1)).toBe("next");
    expect(order.stored).toBe(1);
  });

  it("stores each number once and in order, over a wire that loses, repeats and mixes, and a store that fails", () => {
    const wire = fc.array(
      fc.record({
        behind: fc.integer({ min: 0, max: 5 }),
        outcome: fc.constantFrom("kept", "failed", "waits"),
      }),
      { maxLength: 400 },
    );
    fc.assert(
      fc.property(wire, (sent) => {
        const order = new SpoolOrder(0);
        const kept: number[] = [];
        let underWay: number[] = [];
        for (const { behind, outcome } of sent) {
          const seq = Math.max(1, order.stored + behind);
          if (order.judge(seq, 1) === "next") {
            order.accept();
            underWay.push(seq);
          }
          if (outcome === "waits") continue;
          // The store takes groups in order; one that fails takes all that wait with it.
          if (outcome === "failed") for (const one of underWay) order.failed(one);
          else for (const one of underWay) if (order.kept(one)) kept.push(one);
          underWay = [];
        }
        expect(kept).toEqual(Array.from({ length: kept.length }, (_, at) => at + 1));
        expect(order.stored).toBe(kept.length);
      }),
    );
  });
});
