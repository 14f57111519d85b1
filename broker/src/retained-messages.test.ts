import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RetainedMessages } from "./retained-messages.js";

const level = fc.constantFrom("a", "b", "c", "", "$d", "__proto__");
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant("+")), { minLength: 0, maxLength: 4 }), fc.boolean())
  .filter(([levels, hash]) => hash || levels.length > 0)
  .map(([levels, hash]) => [...levels, ...(hash ? ["#"] : [])].join("/"));

function matches(pattern: string, name: string): boolean {
  if (name.startsWith("$") && /^[+#]/.test(pattern)) return false;
  const source = pattern
    .split("/")
    .map((one) => (one === "+" ? "[^/]*" : one === "#" ? "#" : one.replaceAll("$", "\\$")))
    .join("/")
    .replace(/^#$/, ".*")
    .replace(/\/#$/, "(/.*)?");
  return new RegExp(`^${source}$`, "s").test(name);
}

describe("retained messages", () => {
  it("are found by filter as a search through all would find them", () => {
    const step = fc.record({ name: topic, keep: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), filter, (steps, pattern) => {
        const all = new Map<string, { name: string }>();
        const retained = new RetainedMessages<{ name: string }>();
        for (const { name, keep } of steps) {
          if (keep) {
            const message = { name };
            all.set(name, message);
            retained.set(name, message);
          } else {
            all.delete(name);
            retained.delete(name);
          }
        }
        expect(retained.size).toBe(all.size);
        const found = [...retained.matching(pattern)];
        const expected = [...all.values()].filter(({ name }) => matches(pattern, name));
        expect(new Set(found)).toEqual(new Set(expected));
        expect(found).toHaveLength(expected.length);
      }),
      { numRuns: 2000 },
    );
  });

  it("leave nothing behind when they are cleared", () => {
    const retained = new RetainedMessages<object>();
    for (let i = 0; i < 100; i++) retained.set(`site/${i}/state`, {});
    for (let i = 0; i < 100; i++) retained.delete(`site/${i}/state`);
    retained.delete("site/1/state/below");
    expect(retained.size).toBe(0);
    expect(JSON.stringify(retained)).toBe("{}");
    expect([...retained.matching("#")]).toEqual([]);
  });
});
