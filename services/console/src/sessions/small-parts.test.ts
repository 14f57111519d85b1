import { describe, expect, it } from "vitest";
import { readBreakSequence } from "./break-sequence.js";
import { choose, menuLines, type MenuEntry } from "./console-menu.js";
import { lineText, readLineSettings } from "./line-settings.js";
import { timeOfMicros } from "./micros.js";
import { LinePrompt } from "./line-prompt.js";
import { readReplay } from "./replay-start.js";
import { seemly } from "./seemly.js";

describe("a break sequence", () => {
  it("has breaks, pauses and text", () => {
    expect(readBreakSequence("\\d+++\\b\\x41\\r\\\\")).toEqual([
      { kind: "pause", ms: 250 },
      { kind: "text", bytes: Buffer.from("+++") },
      { kind: "break" },
      { kind: "text", bytes: Buffer.from("A\r\\") },
    ]);
  });
  it.each(["\\", "\\q", "\\x4", "\\xzz"])("says what is wrong with %s", (text) => {
    expect(() => readBreakSequence(text)).toThrow(/after \\/);
  });
});

describe("line settings", () => {
  it("keep what is not named", () => {
    const present = readLineSettings("9600,7e2,rts-cts", undefined);
    expect(present).toEqual({
      baudRate: 9600,
      dataBits: 7,
      parity: "even",
      stopBits: 2,
      flowControl: "rts-cts",
    });
    expect(lineText(readLineSettings("115200", present))).toBe("115200 7e2 rts-cts");
    expect(lineText(readLineSettings("300,5m1.5", undefined))).toBe("300 5m1.5");
  });
});

describe("what is shown of the past", () => {
  const nowMicros = Date.parse("2026-11-23T08:00:00Z") * 1000;
  it.each([
    ["none", { kind: "none" }],
    ["screen", { kind: "screen" }],
    ["boot", { kind: "log", from: { boot: 0 } }],
    ["previous-boot", { kind: "log", from: { boot: -1 }, previous: true }],
    ["lines:20", { kind: "log", from: { lastLines: 20 } }],
    ["since:10m", { kind: "log", from: { sinceMicros: nowMicros - 600_000_000 } }],
    ["since:2026-11-23T07:00:00Z", { kind: "log", from: { sinceMicros: nowMicros - 3.6e9 } }],
    ["lines:", undefined],
    ["since:2026-99-99T99:99:99Z", undefined],
    ["../../etc/passwd", undefined],
  ])("%s", (text, wish) => {
    expect(readReplay(text, nowMicros)).toEqual(wish);
  });
});

describe("the menu", () => {
  const all: MenuEntry[] = ["n1", "n2", "n10", "storage"].map((node) => ({
    node: node as never,
    name: `Machine ${node}`,
    summary: "free",
  }));
  it("is chosen from by id, number, or a part that only one has", () => {
    expect(choose("n1", all, all)).toEqual({ kind: "node", node: "n1" });
    expect(choose("3", all, all)).toEqual({ kind: "node", node: "n10" });
    expect(choose("stor", all, all)).toEqual({ kind: "node", node: "storage" });
    expect(choose("n", all, all)).toMatchObject({ kind: "list", entries: all });
    expect(choose("n1x", all, all)).toEqual({ kind: "none" });
    expect(choose("q", all, all)).toEqual({ kind: "leave" });
    expect(choose(" ", [], all)).toEqual({ kind: "list", entries: all });
  });
  it("says how many it does not show", () => {
    const many = Array.from({ length: 50 }, () => all[0] as MenuEntry);
    expect(menuLines(many).at(-1)).toContain("and 10 more");
  });
});

describe("a line typed at Outrider", () => {
  function typed(text: string, single = false): { shown: string; answers: unknown[] } {
    const answers: unknown[] = [];
    let shown = "";
    const prompt = new LinePrompt({
      show: (bytes) => (shown += Buffer.from(bytes).toString()),
      single,
      escapable: true,
    });
    const end = prompt.take(Buffer.from(text, "latin1"));
    if (end) answers.push(end.line);
    return { shown, answers };
  }
  it("is mended with backspace and ended with return", () => {
    expect(typed("abx\u007fc\r")).toEqual({ shown: "abx\b \bc\r\n", answers: ["abc"] });
  });
  it("is one key where one is asked for, and given up with ^C", () => {
    expect(typed("yn", true).answers).toEqual(["y"]);
    expect(typed("ab\u0003").answers).toEqual([undefined]);
    expect(typed("ab\u001b").answers).toEqual([undefined]);
  });
  it("shows no control sequence that is typed or pasted into it (P13)", () => {
    expect(typed("a\u009b2J\u0000\r")).toEqual({ shown: "a2J\r\n", answers: ["a2J"] });
    // As UTF-8.
    expect(typed("a\u00c2\u009b2J\r")).toEqual({ shown: "a2J\r\n", answers: ["a2J"] });
  });
});

describe("a text of somebody else (P13)", () => {
  it("has no controls left, nor what turns its direction", () => {
    expect(seemly("a\u001b]52;c;x\u0007b\u009bc\u202ed\r\ne")).toBe("a ]52;c;x b c d e");
  });
  it("is cut", () => {
    expect(seemly("x".repeat(600))).toHaveLength(500);
  });
});

describe("a time that an agent says", () => {
  it.each([
    [1_795_420_800_123_456, "2026-11-23T08:00:00.123Z"],
    [-5, "1970-01-01T00:00:00.000Z"],
    [Number.MAX_SAFE_INTEGER * 100, "9999-12-31T23:59:59.999Z"],
    [Number.NaN, "1970-01-01T00:00:00.000Z"],
  ])("%d can always be written (P19)", (micros, text) => {
    expect(timeOfMicros(micros)).toBe(text);
  });
});
