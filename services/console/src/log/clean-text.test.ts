import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CleanText, PIECE_BYTES, PIECE_CHARACTERS } from "./clean-text.js";
import type { TextLine } from "./console-log.js";
import { SEQUENCE_BYTES } from "./escape-skipper.js";

function clean(...pieces: readonly (string | Uint8Array)[]): TextLine[] {
  const lines: TextLine[] = [];
  const text = new CleanText({ line: 1 }, (line) => lines.push(line));
  let position = 0;
  for (const piece of pieces) {
    const bytes = Buffer.from(piece as string);
    text.feed(bytes, position, 0);
    position += bytes.length;
  }
  text.finish();
  return lines;
}

const texts = (...pieces: readonly (string | Uint8Array)[]): string[] =>
  clean(...pieces).map((line) => line.text);

describe("cleaned text", () => {
  it.each<[string, string, string[]]>([
    ["plain lines", "one\r\ntwo\nthree", ["one", "two", "three"]],
    ["colours", "[\x1b[0;32m  OK  \x1b[0m] Started\r\n", ["[  OK  ] Started"]],
    ["a progress bar", "10%\r20%\r100%\n", ["100%"]],
    ["what a shorter text leaves of a longer one", "abcdef\rxy\n", ["xycdef"]],
    ["a line that is deleted before it is written again", "abcdef\r\x1b[Kxy\n", ["xy"]],
    ["back space", "lsx\b \b -l\n", ["ls -l"]],
    ["titles and links", "\x1b]0;evil\x07a\x1b]8;;http://x\x1b\\b\x1b]8;;\x1b\\\n", ["ab"]],
    [
      "strings of every kind",
      "\x1bPq#0\x1b\\a\x1bXsos\x1b\\b\x1b^pm\x1b\\c\x1b_apc\x1b\\d\n",
      ["abcd"],
    ],
    ["character sets and other short ones", "\x1b(Ba\x1b=b\x1b7c\x1b#8d\n", ["abcd"]],
    ["somewhere else on the screen", "\x1b[2J\x1b[1;1Htop\x1b[5;9Hlower\n", ["top", "lower"]],
    ["a column to the right", "a\x1b[5Cb\n", ["a     b"]],
    ["controls of eight bits and others", "a\x07b\0c\x7fd\u009b31me\n", ["abcd31me"]],
    ["a sequence in a sequence", "a\x1b[3\x1b[1mb\n", ["ab"]],
    ["a sequence that is cancelled", "a\x1b[3\x18b\n", ["ab"]],
    ["a line feed in a sequence", "a\x1b]0;no end\nb\n", ["a", "b"]],
    ["letters of any script", "größe 温度 🙂\n", ["größe 温度 🙂"]],
    ["a tab", "a\tb\n", ["a\tb"]],
  ])("has %s", (_, input, expected) => {
    expect(texts(input)).toEqual(expected);
  });

  it("says where each line begins, and counts lines by their line feeds", () => {
    expect(clean("ab\r\n\n\x1b[1mc")).toEqual([
      { line: 1, position: 0, atMicros: 0, text: "ab", ended: true },
      { line: 2, position: 4, atMicros: 0, text: "", ended: true },
      { line: 3, position: 5, atMicros: 0, text: "c", ended: false },
    ]);
  });

  it("decodes UTF-8 as the Encoding Standard does, however wrong it is", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.integer({ min: 0xa0, max: 0xff }).map((byte) => byte),
          { maxLength: 40 },
        ),
        (array) => {
          const bytes = Uint8Array.from(array);
          const standard = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
          expect(texts(bytes).join("")).toBe(standard);
        },
      ),
      { numRuns: 2000 },
    );
    const torn = Buffer.from("a€b");
    expect(texts(torn.subarray(0, 2), torn.subarray(2))).toEqual(["a€b"]);
    expect(texts(torn.subarray(0, 3))).toEqual(["a\ufffd"]);
  });

  it("is the same however the bytes are cut, and of nothing but their lines", () => {
    const piece = fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.constantFrom(
        "\r",
        "\n",
        "\r\n",
        "\b",
        "\x1b[K",
        "\x1b[3C",
        "\x1b[1;1H",
        "\x1b]0;t\x07",
        "\x1b]x",
        "\x1b[",
        "\x1b",
        "€",
        "🙂",
      ),
      fc.constantFrom("x".repeat(PIECE_CHARACTERS - 3), "\x1b[1m".repeat(900)),
      fc.uint8Array({ maxLength: 8 }).map((array) => Buffer.from(array).toString("latin1")),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 25 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        fc.boolean(),
        (pieces, places, isLatin) => {
          const bytes = Buffer.from(pieces.join(""), isLatin ? "latin1" : "utf8");
          const cuts = [0, ...places.map((at) => at % (bytes.length + 1)), bytes.length];
          cuts.sort((a, b) => a - b);
          const whole = clean(bytes);
          expect(clean(...cuts.slice(1).map((to, at) => bytes.subarray(cuts[at], to)))).toEqual(
            whole,
          );
          // Line by line gives the same text.
          const alone: string[] = [];
          for (let from = 0; from < bytes.length;) {
            const lineFeed = bytes.indexOf(10, from);
            const to = lineFeed < 0 ? bytes.length : lineFeed + 1;
            alone.push(...texts(bytes.subarray(from, to)));
            from = to;
          }
          expect(alone).toEqual(whole.map((line) => line.text));
          expect(whole.every((line) => !/[\0-\b\n-\x1f\x7f-\x9f]/.test(line.text))).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("knows when a line went on after a pause, and forgets short ones", () => {
    const lines: TextLine[] = [];
    const text = new CleanText({ line: 1 }, (line) => lines.push(line));
    const second = 1_000_000;
    text.feed(Buffer.from("login: "), 0, 10 * second);
    text.feed(Buffer.from("ro"), 7, 11 * second);
    text.feed(Buffer.from("ot"), 9, 90 * second);
    expect(text.partial).toMatchObject({ atMicros: 10 * second, wentOnMicros: 90 * second });
    text.feed(Buffer.from("\nPassword: "), 11, 90 * second);
    text.feed(Buffer.from("\n"), 22, 91 * second);
    expect(lines.map(({ atMicros, wentOnMicros }) => [atMicros, wentOnMicros])).toEqual([
      [10 * second, 90 * second],
      [90 * second, undefined],
    ]);
  });

  it("cuts a line that is too long, and a sequence that does not end (P13)", () => {
    const long = clean("x".repeat(PIECE_CHARACTERS * 2 + 5));
    expect(long.map(({ text, line }) => [text.length, line])).toEqual([
      [PIECE_CHARACTERS, 1],
      [PIECE_CHARACTERS, 1],
      [5, 1],
    ]);
    const unterminated = texts(`\x1b]52;c;${"A".repeat(SEQUENCE_BYTES)}visible`);
    expect(unterminated.join("").endsWith("visible")).toBe(true);
    const bar = clean("\r 45%".repeat(PIECE_BYTES / 2));
    expect(bar.length).toBeLessThan(10);
    expect(bar.every(({ text }) => text === " 45%")).toBe(true);
  });

  it("takes twenty megabytes of a sequence that never ends in bounded memory (P13)", () => {
    const chunk = Buffer.alloc(1 << 20, "A");
    let longest = 0;
    const text = new CleanText({ line: 1 }, (line) => {
      longest = Math.max(longest, line.text.length);
    });
    text.feed(Buffer.from("\x1b]52;c;"), 0, 0);
    for (let at = 0; at < 20; at++) text.feed(chunk, 7 + at * chunk.length, 0);
    expect(longest).toBeLessThanOrEqual(PIECE_CHARACTERS);
    expect(text.partial?.text.length ?? 0).toBeLessThanOrEqual(PIECE_CHARACTERS);
  });
});
