import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { csvLine } from "./csv.js";

describe("a line of CSV", () => {
  it("has numbers as they are and nothing for what is missing", () => {
    expect(csvLine(["n1", -5.1, undefined, 1e-7])).toBe("n1,-5.1,,1e-7\r\n");
  });

  it.each([
    ['=HYPERLINK("http://x")', `"'=HYPERLINK(""http://x"")"\r\n`],
    ["+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0\r\n"],
    ["-2+3", "'-2+3\r\n"],
    ["@SUM(A1)", "'@SUM(A1)\r\n"],
    ["\t=1", "'\t=1\r\n"],
    ["\r=1", `"'\r=1"\r\n`],
  ])("makes no formula of %j", (text, line) => {
    expect(csvLine([text])).toBe(line);
  });

  it("is one line whatever is in it", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" }), { minLength: 1 }), (cells) => {
        const read = readLine(csvLine(cells));
        expect(read.map((cell) => cell.replace(/^'(?=[=+\-@\t\r])/, ""))).toEqual(
          cells.map((cell) => cell.replace(/^'(?=[=+\-@\t\r])/, "")),
        );
        for (const cell of read) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
      }),
    );
  });
});

/** As RFC 4180 reads it. */
function readLine(line: string): string[] {
  const cells: string[] = [];
  let rest = line;
  do {
    rest = cells.length === 0 ? rest : rest.slice(1);
    const [whole, quoted, bare] = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))/.exec(rest) ?? [""];
    cells.push(quoted === undefined ? (bare ?? "") : quoted.replaceAll('""', '"'));
    rest = rest.slice(whole.length);
  } while (rest.startsWith(","));
  expect(rest).toBe("\r\n");
  return cells;
}
