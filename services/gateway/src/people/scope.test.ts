import { describe, expect, it } from "vitest";
import { isAllVisibleTo, mayHear } from "./scope.js";

const anybody = {};
const bound = { nodes: ["n1", "n2"] };

describe("a list of nodes", () => {
  it.each([
    ["n1", true],
    ["n[1-2]", true],
    ["n[1-3]", false],
    ["n[9]", false],
    ["n1,…", false],
    ["…", false],
    ["", false],
    ["@all", false],
  ])("%j is shown to who is bound to n[1-2]: %s", (folded, shown) => {
    expect(isAllVisibleTo(bound, folded)).toBe(shown);
    expect(isAllVisibleTo(anybody, folded)).toBe(true);
  });
});

describe("what happened", () => {
  const event = (kind: string, data: object) => ({ kind, data: { kind, data } });

  it.each([
    [{ kind: "result", node: "n1", data: {} }, true],
    [{ kind: "result", node: "n3", data: {} }, false],
    [event("transition", { changedTasks: { Running: "n1", Waiting: "n2" } }), true],
    [event("transition", { changedTasks: { Running: "n1", Waiting: "n3" } }), false],
    [event("transition", { changedTasks: {} }), false],
    [event("transition", {}), false],
    [event("lock", { nodes: "n[1-2]" }), true],
    [event("lock", { nodes: "n[1-4]" }), false],
    [event("lock", {}), false],
    [event("site", { added: ["n9"] }), false],
    [event("proposal", { detail: "n9 answers" }), false],
    [event("of-tomorrow", { nodes: "n1" }), false],
  ])("%j is told to who is bound to n[1-2]: %s", (happening, told) => {
    expect(mayHear(bound, happening)).toBe(told);
    expect(mayHear(anybody, happening)).toBe(true);
  });
});
