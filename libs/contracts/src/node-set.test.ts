import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  expandNodes,
  foldNodes,
  NODE_SET_LIMITS,
  NodeSetError,
  parseNodeSet,
  resolveNodeSet,
  type NodeUniverse,
} from "./node-set.js";

const SITE: NodeUniverse = {
  nodes: [
    { id: "n1", roles: ["storage"], labels: { rack: "a", place: "under the desk" } },
    { id: "n2", roles: ["storage", "gpu"], labels: { rack: "a" } },
    { id: "n3", roles: ["compute"], labels: { rack: "b" } },
    { id: "n10", roles: ["compute"], labels: { rack: "b-2" } },
  ],
};
const resolved = (text: string): string[] => resolveNodeSet(parseNodeSet(text), SITE);

function fault(text: string): NodeSetError {
  try {
    resolved(text);
  } catch (error) {
    if (error instanceof NodeSetError) return error;
    throw error;
  }
  throw new Error(`${text} was taken`);
}

describe("a node set of a site", () => {
  it.each([
    ["n1", ["n1"]],
    ["n[1-3,10]", ["n1", "n2", "n3", "n10"]],
    ["@storage", ["n1", "n2"]],
    ["@storage,@compute", ["n1", "n2", "n3", "n10"]],
    ["@storage!@gpu", ["n1"]],
    ["@storage&@gpu", ["n2"]],
    ["@storage^n[2-3]", ["n1", "n3"]],
    ["rack=a", ["n1", "n2"]],
    ["rack=b*", ["n3", "n10"]],
    ["rack=*", ["n1", "n2", "n3", "n10"]],
    ['place="under the desk"', ["n1"]],
    ['place="under*"', ["n1"]],
    ["@all!n1", ["n2", "n3", "n10"]],
    ["@nobody", []],
    ["constructor=*", []],
    [" n1 , n2 ", ["n1", "n2"]],
    // From the left to the right, whatever the operators are.
    ["n1,n2&n2", ["n2"]],
    ["n1!n1,n2", ["n2"]],
  ])("%s is %j", (text, nodes) => {
    expect(resolved(text)).toEqual(nodes);
  });

  it.each([
    ["", 1],
    ["   ", 4],
    [",n1", 1],
    ["n1,", 4],
    ["n1,,n2", 4],
    ["n[1-3", 6],
    ["n[1-x]", 3],
    ["n[5-1]", 3],
    ["n[1-9/0]", 3],
    ["n[1[2]]", 4],
    ["n1]", 3],
    ["@", 2],
    ["@Über", 2],
    ["rack=", 6],
    ['place="under', 13],
    ["=a", 1],
    ["N1", 1],
    ["n1;reboot", 1],
  ])("%j is refused at column %i", (text, column) => {
    expect(fault(text)).toMatchObject({ column });
  });

  it("names the nodes that there are not, also those that were to be taken out", () => {
    expect(fault("n[1-9]")).toMatchObject({ message: "there are no nodes n[4-9]" });
    expect(fault("n1!n4").unknown).toEqual(["n4"]);
  });

  it("is never all without being told so", () => {
    for (const text of ["", "*", "@", "n*", "[]", "!n1"])
      expect(() => resolved(text)).toThrow(NodeSetError);
  });
});

describe("a hostile text (P19)", () => {
  it.each([
    ["n[1-999999999999999]"],
    ["n[1-100000]r[1-100000]"],
    [`n[1-60000],m[1-60000]`],
    ["n[1-99999999999999999999]"],
    ["n".repeat(NODE_SET_LIMITS.bytes + 1)],
    [Array.from({ length: NODE_SET_LIMITS.terms + 1 }, () => "n1").join(",")],
    ["[".repeat(10_000)],
    ["[1-9]".repeat(40)],
  ])("is refused before anything is expanded", (text) => {
    expect(() => expandNodes(text)).toThrow(NodeSetError);
  });

  it("matches a label in linear time, whatever stars it has", () => {
    const labels = { rack: "a".repeat(200) };
    const site = { nodes: [{ id: "n1", roles: [], labels }] };
    const stars = parseNodeSet(`rack=${"a*".repeat(80)}b`);
    expect(resolveNodeSet(stars, site)).toEqual([]);
  });

  it("gives an error of its own for every text", () => {
    const alphabet = fc.constantFrom(...'n1-9[],!&^@=*"/ ab'.split(""));
    fc.assert(
      fc.property(
        fc.array(alphabet, { maxLength: 24 }).map((all) => all.join("")),
        (text) => {
          try {
            resolved(text);
          } catch (error) {
            expect(error).toBeInstanceOf(NodeSetError);
          }
        },
      ),
    );
  });
});

describe("folding", () => {
  it.each([
    [[], ""],
    [["n1"], "n1"],
    [["n3", "n1", "n2", "n7"], "n[1-3,7]"],
    [["n08", "n09", "n10"], "n[08-10]"],
    [["n1", "login", "n2"], "login,n[1-2]"],
    [["n1r1", "n1r2", "n2r1", "n2r2"], "n[1-2]r[1-2]"],
  ])("%j is %s", (ids, text) => {
    expect(foldNodes(ids)).toBe(text);
  });

  it("gives back the same nodes", () => {
    const id = fc.stringMatching(/^[a-z][0-9]{1,3}([a-z][0-9]{1,2})?$/);
    fc.assert(
      fc.property(fc.uniqueArray(id, { minLength: 1, maxLength: 60 }), (ids) => {
        expect(expandNodes(foldNodes(ids)).toSorted()).toEqual(ids.toSorted());
      }),
    );
  });
});
