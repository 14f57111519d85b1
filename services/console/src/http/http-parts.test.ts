import { describe, expect, it } from "vitest";
import { microsOf, QueryError, readLogQuery } from "./log-query.js";
import { readSubject } from "./subjects.js";

const log = {
  first: 100,
  boots: [
    { boot: 3, position: 200, endPosition: 300 },
    { boot: 4, position: 300, endPosition: 500 },
  ],
} as never;
const query = (text: string) => readLogQuery(new URLSearchParams(text), log);

describe("what is wanted of a log", () => {
  it("is all that is kept, as text, unless something is said", () => {
    expect(query("")).toEqual({
      range: { from: { position: 100 } },
      format: "text",
      follow: false,
    });
  });
  it("begins at a byte, for whoever goes on where they were", () => {
    expect(query("position=250&follow=true")).toMatchObject({
      range: { from: { position: 250 } },
      follow: true,
    });
  });
  it("is a boot by number, or the last ones", () => {
    expect(query("boot=3").range).toEqual({ from: { position: 200 }, untilPosition: 300 });
    expect(query("boot=-1").range).toEqual({ from: { position: 200 }, untilPosition: 300 });
    expect(query("boot=0&follow=true")).toMatchObject({
      range: { from: { position: 300 } },
      follow: true,
    });
    expect(query("boot=3&follow=true").follow).toBe(false);
    expect(() => query("boot=9")).toThrow(/there are: 3 to 4/);
  });
  it("is a span of time to the microsecond", () => {
    expect(query("from=2026-11-23T08:00:00.000001Z&until=2026-11-23T09:00:00Z").range).toEqual({
      from: { sinceMicros: Date.parse("2026-11-23T08:00:00Z") * 1000 + 1 },
      untilMicros: Date.parse("2026-11-23T09:00:00Z") * 1000,
    });
    expect(() => microsOf(new URLSearchParams("from=yesterday"), "from")).toThrow(QueryError);
  });
  it.each(["format=exe", "lines=x", "boot=1.5", "from=2026-99-23T08:00:00Z"])(
    "is refused when it cannot be read: %s (P19)",
    (text) => {
      expect(() => query(text)).toThrow(QueryError);
    },
  );
});

describe("who the gateway says it is", () => {
  it("is read", () => {
    const subject = { kind: "person", name: "ada", rights: ["read"], nodes: ["n1"] };
    expect(readSubject(JSON.stringify(subject))).toEqual(subject);
  });
  it.each([
    undefined,
    "",
    "null",
    "[]",
    '{"kind":"god","name":"x","rights":[]}',
    '{"kind":"person","name":1,"rights":[]}',
    '{"kind":"person","name":"x","rights":["everything"]}',
    '{"kind":"person","name":"x","rights":"read"}',
    '{"kind":"person","name":"x","rights":[],"nodes":[1]}',
    `{"kind":"person","name":"${"x".repeat(70_000)}","rights":[]}`,
  ])("is nobody when it cannot be read: %s", (text) => {
    expect(readSubject(text)).toBeUndefined();
  });
});
