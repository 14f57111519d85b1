import { expect, it } from "vitest";
import { ModeWatch } from "./mode-watch.js";

it.each([
  ["nothing", ["plain text"], ""],
  ["another screen", ["\u001b[?1049h"], "\u001b[?1049l"],
  ["one that was left", ["\u001b[?1049h", "\u001b[?1049l"], ""],
  ["several at once, cut in two", ["a\u001b[?10", "00;2004h"], "\u001b[?1000l\u001b[?2004l"],
  ["the same twice", ["\u001b[?2004h\u001b[?2004h"], "\u001b[?2004l"],
  ["what does no harm", ["\u001b[?25l\u001b[?7h"], ""],
])("undoes %s", (_, chunks, undone) => {
  const watch = new ModeWatch();
  for (const chunk of chunks) watch.saw(Buffer.from(chunk));
  expect(watch.undo()).toBe(`${undone}\u001b[!p`);
});
