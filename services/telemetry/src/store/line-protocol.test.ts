import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isName,
  isValue,
  lineOf,
  readSeriesKey,
  seriesKey,
  withoutTexts,
} from "./line-protocol.js";

/** Everything that has a meaning in the protocol, and some that has none. */
const nasty = fc.string({ unit: fc.constantFrom(..."ab,= \\\"'#ü✓😀/.:;$`\t\n") });

describe("names of series", () => {
  it("can be read again", () => {
    const property = fc.property(nasty, fc.dictionary(nasty, nasty), (measurement, tags) => {
      const key = seriesKey(measurement, tags);
      const given = Object.entries(tags).filter(([, value]) => value !== "");
      const can =
        isName(measurement) &&
        !measurement.startsWith("#") &&
        given.every(([name, value]) => isName(name) && isValue(value));
      expect(key !== undefined).toBe(can);
      if (key === undefined) return;
      expect(key).not.toMatch(/[\n\t]/);
      const read = readSeriesKey(key);
      expect(read.measurement).toBe(measurement);
      expect({ ...read.tags }).toEqual(Object.fromEntries(given));
    });
    fc.assert(property);
  });

  it("do not depend on the order of tags", () => {
    expect(seriesKey("m", { b: "2", a: "1" })).toBe(seriesKey("m", { a: "1", b: "2" }));
  });

  it("may be those that objects have", () => {
    const tags = JSON.parse('{"__proto__": "x", "constructor": "y"}') as Record<string, string>;
    const key = seriesKey("m", tags) ?? "";
    expect(JSON.stringify(readSeriesKey(key).tags)).toBe('{"__proto__":"x","constructor":"y"}');
  });
});

describe("texts", () => {
  it("leave no trace when they are taken out", () => {
    const property = fc.property(fc.string(), fc.boolean(), (text, hasValue) => {
      const fields: [string, number][] = hasValue ? [["count", 1]] : [];
      const tags = { node: 'n"1 message="' };
      const key = seriesKey("node_event", tags) ?? "";
      const other = lineOf(key, [["count", 2]], 5, undefined);
      const lines = `${other}${lineOf(key, fields, 6, text)}${other}`;
      const left = hasValue ? lineOf(key, fields, 6, undefined) : "";
      expect(withoutTexts(lines)).toBe(`${other}${left}${other}`);
    });
    fc.assert(property);
  });
});
