import * as fc from "fast-check";
import { expect, test } from "vitest";
import { covers, join, overlap, wireFilters, type Filter } from "./wire-filters.js";

const value = fc.constantFrom(undefined, "x", "y", "z");
const filter: fc.Arbitrary<Filter> = fc.record({ a: value, b: value, c: value });
const topic = fc.record({
  a: fc.constantFrom("x", "y", "z"),
  b: fc.constantFrom("x", "y", "z"),
  c: fc.constantFrom("x", "y", "z"),
});

const implies = (condition: boolean, consequence: boolean): boolean => !condition || consequence;

test("what goes onto the wire covers all that is wanted, never twice, and nothing is wanted of nobody", () => {
  fc.assert(
    fc.property(fc.array(filter), fc.array(filter), (before, wanted) => {
      const standing = wireFilters([], before);
      const wire = wireFilters(standing, wanted);
      for (const want of wanted) expect(wire.some((one) => covers(one, want))).toBe(true);
      for (const [at, one] of wire.entries()) {
        for (const other of wire.slice(at + 1)) expect(overlap(one, other)).toBe(false);
        expect(wanted.some((want) => covers(one, want))).toBe(true);
      }
    }),
    { numRuns: 2000 },
  );
});

test("a filter that is of use stays as it is when nothing wider is wanted", () => {
  expect(wireFilters([{ a: "x" }], [{ a: "x", b: "y" }])).toEqual([{ a: "x" }]);
  expect(wireFilters([{ a: "x" }], [{ a: "y" }])).toEqual([{ a: "y" }]);
  expect(wireFilters([{ a: "x" }], [{ a: "x", b: "y" }, {}])).toEqual([{}]);
});

test("covering, overlapping and joining agree with the topics that they stand for", () => {
  const property = fc.property(filter, filter, topic, (one, other, at) => {
    const [inOne, inOther] = [covers(one, at), covers(other, at)];
    return (
      implies(inOne && inOther, overlap(one, other)) &&
      implies(covers(one, other) && inOther, inOne) &&
      implies(inOne || inOther, covers(join(one, other), at))
    );
  });
  expect(fc.check(property, { numRuns: 5000 }).failed).toBe(false);
});
