import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { expandNodes, foldNodes } from "./node-set.js";
import { startClusterShell, type ClusterShellSet } from "./testing/cluster-shell.js";

const clusterShell = await startClusterShell();
afterAll(() => clusterShell?.[Symbol.dispose]());

/** What ClusterShell says. */
function asked(text: string): Promise<ClusterShellSet> {
  if (!clusterShell) throw new Error("the tests that need it are skipped");
  return clusterShell.read(text);
}

const RUNS = { numRuns: 400 };

/** `3`, `03`, `1-8`, `01-12`, `1-9/2` */
const range = fc
  .record({
    from: fc.nat(120),
    length: fc.nat(12),
    step: fc.integer({ min: 1, max: 4 }),
    padded: fc.boolean(),
    isOne: fc.boolean(),
  })
  .map(({ from, length, step, padded, isOne }) => {
    const width = padded ? String(from + length).length + 1 : 0;
    const [first, last] = [from, from + length].map((number) =>
      String(number).padStart(width, "0"),
    );
    if (isOne) return String(first);
    // An unpadded end with more digits than the begin is fine; both readers agree on padding only where it is equal.
    return step === 1 ? `${first}-${last}` : `${first}-${last}/${step}`;
  });
const ranges = fc.array(range, { minLength: 1, maxLength: 4 }).map((all) => `[${all.join(",")}]`);
const oneDimension = ranges.map((text) => `n${text}`);
const pattern = fc.oneof(
  { weight: 4, arbitrary: oneDimension },
  { weight: 1, arbitrary: fc.tuple(ranges, range).map(([a, b]) => `n${a}r[${b}]`) },
  { weight: 1, arbitrary: fc.constantFrom("login", "rack-a", "n1", "n01", "n007", "x9-b") },
);

/** Patterns with operators between them. */
const expression = (of: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(fc.constantFrom(",", "!", "&", "^"), of), { minLength: 1, maxLength: 6 })
    .map((parts) =>
      parts.map(([operator, text], at) => (at === 0 ? text : operator + text)).join(""),
    );

describe.skipIf(clusterShell === undefined)("node sets, against ClusterShell", () => {
  it("mean the same names, whatever ranges and operators they have", async () => {
    await fc.assert(
      fc.asyncProperty(expression(pattern), async (text) => {
        const { names } = await asked(text);
        expect(expandNodes(text).toSorted()).toEqual([...names].toSorted());
      }),
      RUNS,
    );
  });

  it("of one dimension have the same order and the same shortest writing", async () => {
    await fc.assert(
      fc.asyncProperty(expression(oneDimension), async (text) => {
        const { folded, names } = await asked(text);
        const ours = expandNodes(text);
        expect(ours).toEqual(names);
        const written = foldNodes(ours);
        if (written === folded) return;
        // Beside a padded name ClusterShell cuts `90-100` where it has one digit more, though it need not.
        expect(names.some((name) => name.startsWith("n0") && name !== "n0")).toBe(true);
        expect(written.length).toBeLessThan(folded.length);
        expect((await asked(written)).names).toEqual(names);
      }),
      RUNS,
    );
  });

  it("of several dimensions are read by ClusterShell as what they stand for", async () => {
    await fc.assert(
      fc.asyncProperty(expression(pattern), async (text) => {
        const ours = expandNodes(text);
        const folded = foldNodes(ours);
        fc.pre(folded !== "");
        expect([...(await asked(folded)).names].toSorted()).toEqual(ours.toSorted());
        expect(expandNodes(folded)).toEqual(ours);
      }),
      RUNS,
    );
  });

  it.each(["n[1-3", "n1,", ",n1", "n[3-1]", "n[a-b]", "n[]", "", "n1!!n2", "n[1-3]]"])(
    "%j is refused by both",
    async (text) => {
      expect(() => expandNodes(text)).toThrow(/node set, column/);
      const theirs = await asked(text).then(
        ({ names }) => names,
        () => [],
      );
      // ClusterShell takes an empty text, and an empty part, for no nodes.
      expect(theirs.length).toBeLessThanOrEqual(1);
    },
  );
});
