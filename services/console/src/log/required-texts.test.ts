import * as fc from "fast-check";
import { RE2JS } from "re2js";
import { describe, expect, it } from "vitest";
import { requiredTexts } from "./required-texts.js";
import { TrigramFilter, candidateBlocks, foldCase } from "./trigram-filter.js";

describe("texts that an expression needs", () => {
  it.each<[string, string[][] | undefined]>([
    ["under-?voltage", [["under", "voltage"]]],
    ["Kernel panic|Oops: ", [["kernel panic"], ["oops: "]]],
    ["(?i)Under.*detected$", [["under", "detected"]]],
    ["oom|x*", undefined],
    ["(panic)", undefined],
    ["a\\.b\\.c", [["a.b.c"]]],
    ["abc{0,3}def+gh", [["def"]]],
    ["abcd{2}", [["abcd"]]],
    ["[a-z|]+long text\\d", [["long text"]]],
    ["\\x41\\x{42}\\pL\\p{Greek}tail", [["tail"]]],
    ["\\Qa.b.c\\E", undefined],
    ["über alles", [["ber alles"]]],
  ])("of %j are %j", (regex, expected) => {
    expect(requiredTexts(regex)).toEqual(expected);
  });

  it("are in every line that it matches", () => {
    const atom = fc.constantFrom(
      "a",
      "bc",
      "Def",
      "\\.",
      ".",
      "[ab|]",
      "[^]x]",
      "(ab|cd)",
      "(?i:Ab)",
      "x*",
      "y+",
      "z?",
      "abc{2}",
      "d{0,2}",
      "^",
      "$",
      "\\b",
      "\\d",
      "é",
      "-",
    );
    const regexes = fc.array(fc.array(atom, { minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 3,
    });
    const letters = fc.constantFrom(..."abcdefxyzABD.1é-|]".split(""));
    fc.assert(
      fc.property(
        regexes,
        fc.boolean(),
        fc.array(fc.array(letters, { maxLength: 14 }), { maxLength: 40 }),
        (branches, ignoresCase, lines) => {
          const regex = `${ignoresCase ? "(?i)" : ""}${branches.map((atoms) => atoms.join("")).join("|")}`;
          const pattern = RE2JS.compile(regex);
          const required = requiredTexts(regex);
          for (const characters of lines) {
            const line = characters.join("");
            expect(pattern.test(line)).toBe(pattern.matcher(line).find());
            if (!pattern.test(line) || !required) continue;
            const folded = foldCase(line);
            expect(required.some((texts) => texts.every((text) => folded.includes(text)))).toBe(
              true,
            );
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("the filter", () => {
  it("never leaves out a block that holds a text", () => {
    const text = fc.string({ unit: "grapheme", minLength: 0, maxLength: 30 });
    fc.assert(
      fc.property(
        fc.array(fc.array(text, { maxLength: 5 }), { minLength: 1, maxLength: 20 }),
        fc.nat(),
        fc.nat(),
        fc.nat(),
        (blocks, which, from, length) => {
          const filter = new TrigramFilter(1024, blocks.length);
          for (const [index, lines] of blocks.entries()) {
            for (const line of lines) filter.add(foldCase(line), index);
          }
          const lines = blocks.flat();
          const line = lines[which % Math.max(1, lines.length)] ?? "";
          const start = from % (line.length + 1);
          const wanted = foldCase(foldCase(line).slice(start, start + (length % 12)));
          const bits = candidateBlocks(wanted, filter, (row) =>
            filter.table.subarray(row * filter.rowBytes, (row + 1) * filter.rowBytes),
          );
          for (const [index, others] of blocks.entries()) {
            if (!others.some((other) => foldCase(other).includes(wanted))) continue;
            const isIn = bits === undefined || ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
            expect(isIn).toBe(true);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
