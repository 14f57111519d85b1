import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fillIn, parseScript, ScriptError } from "./script-parser.js";

function problem(script: string): string {
  try {
    parseScript(script);
  } catch (error) {
    if (error instanceof ScriptError) return error.message;
    throw error;
  }
  return "none";
}

describe("a script", () => {
  it("has one step on each line", () => {
    const steps = parseScript(
      [
        "# a remark",
        "expect /a\\/b+/ within 2s   # and another",
        'send "x\\r\\n\\t\\x03\\"\\\\#"',
        "send-line",
        "break sun",
        "sysrq sync remount-read-only",
        "sleep 1.5s",
        "pulse dtr 100ms",
        'on "Oops" fail "why"',
        "succeed",
      ].join("\n"),
    );
    expect(steps).toMatchObject([
      { kind: "expect", line: 2, withinMs: 2000, pattern: { source: "/a\\/b+/" } },
      { kind: "send", text: 'x\r\n\t\u0003"\\#' },
      { kind: "send", text: "\r" },
      { kind: "break", name: "sun" },
      { kind: "sysrq", keys: ["sync", "remount-read-only"] },
      { kind: "sleep", ms: 1500 },
      { kind: "pulse", wire: "dtr", ms: 100 },
      { kind: "on", outcome: { state: "failed", text: "why" } },
      { kind: "end", end: { state: "succeeded" }, line: 10 },
    ]);
    const [first] = steps;
    if (first?.kind !== "expect") throw new Error("the first step is none");
    expect(first.pattern.query.find("xa/bb")).toEqual({ from: 1, to: 5 });
  });

  it.each([
    ["", "line 1, column 1: the script has no step"],
    ["\n  jump", "line 2, column 7: jump is no step"],
    ['expect "', 'line 1, column 8: the text has no end: expected "'],
    ["expect /(/", "line 1, column 8: The regular expression is wrong"],
    ["expect /a*/", "line 1, column 8: the pattern fits the empty line"],
    ['send "\\q"', "line 1, column 8: expected one of"],
    ["sleep soon", "line 1, column 11: expected a time"],
    ["sysrq dance", "line 1, column 12: dance is no SysRq"],
    ['send "$x"', "line 1, column 1: $x is not captured before"],
    ['expect "a" soon', "line 1, column 16: expected within"],
    ['send "a" "b"', "line 1, column 10: expected the end of the line"],
  ])("%j is refused: %s", (script, message) => {
    expect(problem(script)).toContain(message);
  });

  it("is read or refused, whatever it is (P19)", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(typeof problem(text)).toBe("string");
        expect(typeof problem(`expect /${text}/`)).toBe("string");
        expect(typeof problem(`send "${text}"`)).toBe("string");
      }),
    );
  });

  it("fills in what was captured", () => {
    expect(fillIn("$a $$a $b", new Map([["a", "1"]]))).toBe("1 $a $b");
  });
});
