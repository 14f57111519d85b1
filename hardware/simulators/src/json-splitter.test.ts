import * as fc from "fast-check";
import { expect, test } from "vitest";
import { JsonSplitter } from "./json-splitter.js";

test("gives back every object, however the stream is cut and whatever is between", () => {
  const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 8 });
  const gap = fc.constantFrom("", "\n", "\r\n", "  ");
  fc.assert(
    fc.property(
      objects,
      gap,
      fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
      (sent, between, cuts) => {
        const stream = sent.map((it) => JSON.stringify(it) + between).join("");
        const splitter = new JsonSplitter();
        const received: unknown[] = [];
        for (let at = 0; at < stream.length;) {
          const length = cuts.next().value;
          for (const text of splitter.push(stream.slice(at, at + length)))
            received.push(JSON.parse(text));
          at += length;
        }
        expect(received).toEqual(sent.map((it) => JSON.parse(JSON.stringify(it)) as unknown));
      },
    ),
  );
});

test.each(["x", "1", '"text"', "}"])("what is no object ends the stream: %s", (text) => {
  expect(() => new JsonSplitter().push(`{} ${text}`)).toThrow(/Expected a JSON object/);
});

test("an object that never ends is given up at the limit", () => {
  const splitter = new JsonSplitter(100);
  expect(() => splitter.push(`{"a":"${"x".repeat(100)}`)).toThrow(/longer than 100/);
});
