import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { CATALOG } from "./catalog.js";
import { contract, matchTopic, TOPIC_ROOT, type AnyContract } from "./contract.js";
import { ServiceStatus } from "./service.js";
import { TopicIndex, type Found } from "./topic-index.js";

/** What the index stands for: every contract asked in turn. */
function searched(contracts: readonly AnyContract[], topic: string): Found | undefined {
  for (const one of contracts) {
    const parameters = matchTopic(one, topic) as Readonly<Record<string, string>> | undefined;
    if (parameters) return { contract: one, parameters };
  }
  return undefined;
}

function made(template: string): AnyContract {
  return contract(template, {
    payload: ServiceStatus,
    kind: "report",
    writer: "services",
    audience: "public",
    qos: 0,
    retain: false,
    summary: "",
  });
}

const words = [...new Set(CATALOG.flatMap(({ template }) => template.split("/")))].filter(
  (word) => !word.startsWith("{"),
);
const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...words) },
  fc.constantFrom(
    "n1",
    "rack-a",
    "power",
    "n1.power",
    "",
    "+",
    "#",
    "$SYS",
    "\0",
    "\ud800",
    "__proto__",
    "constructor",
    "a".repeat(300),
  ),
  fc.string({ unit: "binary", maxLength: 10 }),
);
/** Topics near those of the catalog: templates filled in with anything, then sometimes cut, lengthened or bent. */
const topics = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(...CATALOG),
      fc.array(segment, { minLength: 4, maxLength: 4 }),
      fc.array(segment, { maxLength: 2 }),
    )
    .map(([{ template }, fill, tail]) => {
      let at = 0;
      return [TOPIC_ROOT + template.replace(/\{\w+\}/g, () => fill[at++] ?? ""), ...tail].join("/");
    }),
  fc.array(segment, { maxLength: 9 }).map((levels) => TOPIC_ROOT + levels.join("/")),
  fc.string({ unit: "binary" }),
);

/** Whether one topic could be of both templates. */
function shared(one: string, other: string): boolean {
  const [left, right] = [one.split("/"), other.split("/")];
  return (
    left.length === right.length &&
    left.every(
      (name, at) => name === right[at] || name.startsWith("{") || right[at]?.startsWith("{"),
    )
  );
}

function indexOf(contracts: readonly AnyContract[]): TopicIndex | "share topics" {
  try {
    return new TopicIndex(contracts);
  } catch (error) {
    if (error instanceof TypeError && error.message.endsWith("share topics")) return "share topics";
    throw error;
  }
}

describe("the index", () => {
  it("finds for the catalog what asking every contract finds", () => {
    const index = new TopicIndex(CATALOG);
    const hits = new Set<string>();
    fc.assert(
      fc.property(topics, (topic) => {
        const found = index.find(topic);
        expect(found).toEqual(searched(CATALOG, topic));
        if (found) hits.add(found.contract.template);
      }),
      { numRuns: 20_000 },
    );
    // The topics were near enough to reach every contract.
    expect(hits.size).toBe(CATALOG.length);
  });

  it("finds for any templates what asking every one finds, or says which two share topics", () => {
    const level = fc.constantFrom("a", "b", "c", "{x}");
    const template = fc
      .array(level, { minLength: 1, maxLength: 4 })
      .map((levels) => levels.map((one, at) => one.replace("x", `x${at}`)).join("/"));
    const topic = fc
      .array(fc.constantFrom("a", "b", "c", "d", ""), { minLength: 1, maxLength: 5 })
      .map((levels) => TOPIC_ROOT + levels.join("/"));
    fc.assert(
      fc.property(
        fc.uniqueArray(template, { maxLength: 6 }),
        fc.array(topic, { minLength: 30, maxLength: 30 }),
        (templates, asked) => {
          const contracts = templates.map(made);
          const ambiguous = templates.some((one, at) =>
            templates.slice(0, at).some((other) => shared(one, other)),
          );
          const index = indexOf(contracts);
          expect(index === "share topics").toBe(ambiguous);
          if (index === "share topics") return;
          for (const one of asked) expect(index.find(one)).toEqual(searched(contracts, one));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("reads no further into a long topic than the contracts are deep", () => {
    const index = new TopicIndex(CATALOG);
    const long = `${TOPIC_ROOT}node/n1/power/set${"/x".repeat(30_000)}`;
    const reads = vi.spyOn(String.prototype, "indexOf");
    const found = index.find(long);
    const count = reads.mock.calls.length;
    reads.mockRestore();
    expect(found).toBeUndefined();
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThanOrEqual(6);
  });
});
