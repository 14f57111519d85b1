import { describe, expect, it } from "vitest";
import { parseFailpoints } from "./failpoint.js";

describe("OUTRIDER_FAILPOINT", () => {
  it("names points, passages and what to do", () => {
    expect(parseFailpoints("a-b, agent.accepted#3:kill,x:stop:/tmp/a:b")).toEqual([
      { name: "a-b", passage: 1, stopFile: undefined },
      { name: "agent.accepted", passage: 3, stopFile: undefined },
      { name: "x", passage: 1, stopFile: "/tmp/a:b" },
    ]);
  });

  it.each(["", "a,", "A", "a#0", "a#", "a:burn", "a:stop", "a:stop:", "a b", "-a", "a:kill:x"])(
    "%j is refused",
    (text) => {
      expect(() => parseFailpoints(text)).toThrow(/<name>/);
    },
  );
});
