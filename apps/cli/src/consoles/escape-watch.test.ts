import { array, assert, constantFrom, integer, property } from "fast-check";
import { expect, it } from "vitest";
import { escapeBytes, EscapeWatch } from "./escape-watch.js";

it.each([
  ["^Ec", [5, 0x63]],
  ["^]", [29]],
  ["~", [0x7e]],
  ["^?x", [127, 0x78]],
])("reads %s", (text, bytes) => {
  expect([...escapeBytes(text)]).toEqual(bytes);
});

it("sees the escape and a full stop, however they are cut, once each time", () => {
  const cuts = array(integer({ min: 1, max: 3 }), { minLength: 1 });
  const around = array(constantFrom("x", ".", "\u0005", "c", "\u0005c"), { maxLength: 6 });
  assert(
    property(array(around), cuts, (pieces, sizes) => {
      const text = pieces.flat().join("");
      const wanted = text.split("\u0005c.").length - 1;
      const watch = new EscapeWatch("^Ec");
      let seen = 0;
      let turn = 0;
      for (let at = 0; at < text.length;) {
        const size = sizes[turn++ % sizes.length] ?? 1;
        // At most one fits into what is remembered and three bytes.
        if (watch.typed(Buffer.from(text.slice(at, at + size), "latin1"))) seen += 1;
        at += size;
      }
      expect(seen).toBe(wanted);
    }),
  );
});

it("counts at the beginning of a line only where it can be part of a text", () => {
  const seen = (...pieces: string[]): boolean[] => {
    const watch = new EscapeWatch("~");
    return pieces.map((piece) => watch.typed(Buffer.from(piece)));
  };
  expect(seen("~.")).toEqual([true]);
  expect(seen("cp x ~.", "\r")).toEqual([false, false]);
  expect(seen("a", "~", ".")).toEqual([false, false, false]);
  expect(seen("ls\r", "~", ".")).toEqual([false, false, true]);
});
