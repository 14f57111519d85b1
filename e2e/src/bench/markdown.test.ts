import { expect, test } from "vitest";
import { figure, replaceResults, table } from "./markdown.js";

const DOCUMENT =
  "# Title\n\n<!-- bench -->\n\n## A\n\nold a\n\n## B\n\nold b\n\n<!-- /bench -->\n\nend\n";

test("new results take the place of old ones of the same section, and of nothing else", () => {
  const order = ["B", "A", "C"];
  const once = replaceResults(DOCUMENT, new Map([["A", "new a\n"]]), order);
  expect(once).toBe(
    "# Title\n\n<!-- bench -->\n\n## B\n\nold b\n\n## A\n\nnew a\n\n<!-- /bench -->\n\nend\n",
  );
  expect(replaceResults(once, new Map([["A", "new a"]]), order)).toBe(once);
  expect(replaceResults(once, new Map([["C", "c"]]), ["C"])).toBe(
    "# Title\n\n<!-- bench -->\n\n## C\n\nc\n\n<!-- /bench -->\n\nend\n",
  );
  expect(() => replaceResults("# Title", new Map(), [])).toThrow("<!-- bench -->");
});

test("a table aligns figures", () => {
  expect(table(["what", "ms"], [["a", "1"]])).toBe("| what | ms |\n| --- | --: |\n| a | 1 |");
});

test("three digits count", () => {
  expect([0, 0.01234, 1.234, 12.34, 1234].map(figure)).toEqual([
    "0",
    "0.012",
    "1.23",
    "12.3",
    "1,234",
  ]);
});
