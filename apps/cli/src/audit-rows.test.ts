import { expect, it } from "vitest";
import { actsOf, whatText } from "./audit-rows.js";

it.each([
  [{ action: "PowerCycle", nodes: ["n1", "n2", "n3"], total: 3 }, "PowerCycle of n[1-3]"],
  [
    { id: "a", action: "On", run: "n1/1", status: "Rejected", reasonCode: "locked" },
    "On Rejected locked",
  ],
  [{ state: "Completed", succeeded: 3 }, "Completed"],
  [{ command: "c1" }, "command c1"],
  [{}, ""],
])("%j is told as %j", (data, text) => {
  expect(whatText(data)).toBe(text);
});

it("cuts a node set that nobody reads", () => {
  const nodes = Array.from({ length: 60 }, (_, at) => `n${at * 2}`);
  expect(whatText({ nodes })).toMatch(/^of n\[0,2,4.*…$/);
});

it("knows an act by its end", () => {
  expect(actsOf("transition.abort")).toEqual(["power.transition.abort"]);
  expect(actsOf("power.transition")).toEqual(["power.transition"]);
  expect(actsOf("remove")).toEqual(["user.remove", "key.remove"]);
  expect(actsOf("of.a.later.version")).toEqual(["of.a.later.version"]);
});
