import { expect, it } from "vitest";
import { TerminalModes } from "./terminal-modes.js";

const RESET = "\u001b[!p\u001b[?1l\u001b>\u001b[?7h\u001b[?25h\u001b[m";

it.each([
  ["nothing", ["plain text"], ""],
  ["another screen", ["\u001b[?1049h"], "\u001b[?1049l"],
  ["one that was left", ["\u001b[?1049h", "\u001b[?1049l"], ""],
  ["several at once, cut in two", ["a\u001b[?10", "00;2004h"], "\u001b[?1000l\u001b[?2004l"],
  ["one cut after its first byte", ["a\u001b", "[?1000h"], "\u001b[?1000l"],
  ["one behind others", ["\u001b[31mred\u001b[", "?2004", "h"], "\u001b[?2004l"],
  ["the same twice", ["\u001b[?2004h\u001b[?2004h"], "\u001b[?2004l"],
  ["what every terminal is told", ["\u001b[?25l\u001b[?7l"], ""],
])("undoes %s, once", (_, chunks, undone) => {
  const modes = new TerminalModes();
  for (const chunk of chunks) modes.saw(Buffer.from(chunk));
  expect(modes.isTouched).toBe(chunks.join("").includes("\u001b"));
  expect(modes.undo()).toBe(`${undone}${RESET}`);
  expect(modes.isTouched).toBe(false);
  expect(modes.undo()).toBe(RESET);
});
