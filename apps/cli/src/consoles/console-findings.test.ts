import { expect, it } from "vitest";
import type { NodeView } from "../node-rows.js";
import { consoleFindings } from "./console-findings.js";

const node = (id: string, value: string, more: object = {}): NodeView =>
  ({ id, console: { link: { value, detail: "unplugged" }, stale: false, ...more } }) as never;

it("finds consoles that are not connected, alike ones together, and logs that are not written", () => {
  const said = consoleFindings([
    node("n1", "Down"),
    node("n2", "Down"),
    node("n3", "Up", { logProblem: "the disk is full" }),
    node("n4", "Up", { stale: true }),
    { id: "n5" } as never,
  ]);
  expect(said.map(({ level, what }) => `${level}: ${what}`)).toEqual([
    "warning: n[1-2]: the console is not connected: unplugged",
    "warning: n3: the console goes on without its log: the disk is full",
    "warning: n4: nothing fresh is known of the console",
  ]);
});

it("tells a console that was lent from one that is broken, and a line that was changed", () => {
  const closed = { actor: "person:ada", until: "2026-11-23T08:00:00.000Z", reason: "flashing" };
  const said = consoleFindings([
    node("n1", "Down", { closed }),
    node("n2", "Up", { line: { present: "9600 8n1", declared: "115200 8n1" } }),
    node("n3", "Unknown"),
  ]);
  expect(said.map(({ what, advice }) => `${what} | ${advice}`)).toEqual([
    expect.stringMatching(
      /^n1: the console is closed by person:ada until \S+ \(flashing\) .*console open/,
    ),
    expect.stringMatching(/^n2: the line has 9600 8n1, and the site says 115200 8n1 .*declared/),
    expect.stringMatching(/^n3: .*agent fares/),
  ]);
});

it("finds nothing wrong where nothing is", () => {
  expect(consoleFindings([node("n1", "Up")])).toMatchObject([{ level: "ok" }]);
  expect(consoleFindings([])).toEqual([]);
});
