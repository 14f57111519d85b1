import { expect, test } from "vitest";
import { figure, replaceResults, table } from "./markdown.js";

test("results take the place of former ones and touch nothing else", () => {
  const document = "# Title\n\n<!-- bench -->\n\nold\n\n<!-- /bench -->\n\nend\n";
  const once = replaceResults(document, "new\n");
  expect(once).toBe("# Title\n\n<!-- bench -->\n\nnew\n\n<!-- /bench -->\n\nend\n");
  expect(replaceResults(once, "new")).toBe(once);
  expect(() => replaceResults("# Title", "new")).toThrow("<!-- bench -->");
});

test("tables and figures", () => {
  expect(table(["a", "b"], [["x", "1"]])).toBe("| a | b |\n| --- | --: |\n| x | 1 |");
  expect([0.01234, 1.234, 12.34, 1234.5, 0].map(figure)).toEqual([
    "0.012",
    "1.23",
    "12.3",
    "1,235",
    "0",
  ]);
});
