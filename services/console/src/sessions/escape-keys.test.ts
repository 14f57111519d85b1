import { array, assert, constantFrom, nat, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { escapeBytes, EscapeKeys } from "./escape-keys.js";

/** Everything that comes of what was typed in these pieces. */
function taken(escape: string, ...pieces: string[]): string[] {
  const keys = new EscapeKeys(escape);
  const out: string[] = [];
  for (const piece of pieces) {
    let rest = Buffer.from(piece, "latin1");
    while (rest.length > 0) {
      const { typed, command, used } = keys.take(rest);
      rest = rest.subarray(used);
      if (typed.length > 0) out.push(typed.toString("latin1"));
      if (command !== undefined) out.push(`<${command}>`);
    }
  }
  return out;
}

describe("the escape", () => {
  it("is written as people write it", () => {
    expect([...escapeBytes("^Ec")]).toEqual([0x05, 0x63]);
    expect([...escapeBytes("^]")]).toEqual([0x1d]);
    expect([...escapeBytes("^?")]).toEqual([0x7f]);
    expect([...escapeBytes("~")]).toEqual([0x7e]);
    expect(escapeBytes("none")).toHaveLength(0);
  });

  it("is found among what is typed, and the key after it is a command", () => {
    expect(taken("^Ec", "ls\r\u0005c.")).toEqual(["ls\r", "<.>"]);
    expect(taken("^Ec", "a\u0005", "c", "?b")).toEqual(["a", "<?>", "b"]);
  });

  it("is typed when nothing comes of it, and when its first key follows it", () => {
    expect(taken("^Ec", "\u0005x")).toEqual(["\u0005x"]);
    expect(taken("^Ec", "\u0005\u0005c.")).toEqual(["\u0005", "<.>"]);
    expect(taken("^Ec", "\u0005c\u0005")).toEqual(["\u0005c"]);
  });

  it("counts at the beginning of a line only when it can be typed in a text", () => {
    expect(taken("~", "ls ~.\r~.")).toEqual(["ls ~.\r", "<.>"]);
    expect(taken("~", "~~")).toEqual(["~"]);
    // Also right after another command, as with ssh.
    expect(taken("~", "ls\r~?~w~.")).toEqual(["ls\r", "<?>", "<w>", "<.>"]);
  });

  it("is not looked for where there is none", () => {
    expect(taken("none", "\u0005c.~.")).toEqual(["\u0005c.~."]);
  });

  it("is found however what is typed is split", () => {
    const text = array(constantFrom("\u0005", "c", ".", "\r", "x", "~"), { maxLength: 20 });
    assert(
      property(text, array(nat(20)), (characters, cuts) => {
        const typed = characters.join("");
        const at = [0, ...cuts.filter((cut) => cut < typed.length), typed.length].toSorted(
          (a, b) => a - b,
        );
        const pieces = at.slice(1).map((end, index) => typed.slice(at[index], end));
        for (const escape of ["^Ec", "~"]) {
          expect(taken(escape, ...pieces).join("")).toBe(taken(escape, typed).join(""));
        }
      }),
    );
  });
});
