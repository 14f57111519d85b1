import { readFileSync } from "node:fs";
import { check } from "@outrider/contracts/codec";
import {
  ATTACH_MODES,
  CONSOLE_ASKS,
  CONSOLE_TOLDS,
  ConsoleAsk,
} from "@outrider/contracts/console-attach";
import { expect, it } from "vitest";
import { ACT_REFUSALS } from "../sessions/act-refused.js";

const PAGE = readFileSync(
  new URL("../../../../docs/write-a-web-terminal.md", import.meta.url),
  "utf8",
);
/** Cells of the rows of all tables. */
const ROWS = PAGE.split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const words = (cell = ""): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);

it("the page for writers of web terminals has each ask, as it is accepted, with its fields", () => {
  const asks = ROWS.flatMap(([first = "", second]) =>
    first.startsWith('`{"ask"') ? [{ example: JSON.parse(first.slice(1, -1)), second }] : [],
  );
  expect(new Set(asks.map(({ example }) => example.ask))).toEqual(new Set(CONSOLE_ASKS));
  for (const { example, second } of asks) {
    expect([example, check(ConsoleAsk, example, true)]).toMatchObject([example, { ok: true }]);
    const { ask: _, ...fields } = example as Record<string, unknown>;
    for (const field of Object.keys(fields)) expect(words(second)).toContain(field);
    for (const field of words(second)) {
      // A field that there is not would be named by the refusal in other words.
      const refused = check(ConsoleAsk, { ask: "who", [field]: [] }, true);
      expect(refused.ok ? "" : refused.refusal.message).not.toContain("not a known property");
    }
  }
});

it.each([
  ["told", CONSOLE_TOLDS],
  ["refusal", ACT_REFUSALS],
  ["mode", ATTACH_MODES],
])("the page for writers of web terminals has each %s", (_, wanted) => {
  const named = new Set(ROWS.flatMap((cells) => cells.flatMap(words)));
  expect(wanted.filter((word) => !named.has(word))).toEqual([]);
});
