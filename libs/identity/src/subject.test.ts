import { RIGHTS, ROLE_RIGHTS, ROLES, type Right } from "@outrider/contracts/identity";
import { describe, expect, it } from "vitest";
import { isVisibleTo, may, rightsOf, type Subject } from "./subject.js";

/** Written out: what a role may is a promise, and not whatever the table says today. */
const PROMISED: Readonly<Record<(typeof ROLES)[number], string>> = {
  viewer: "read",
  operator: "read power console-read console-write boot lock",
  administrator:
    "read power console-read console-write boot lock lock-break override site identity audit",
};
const WHOLE_SITE = "site identity audit";

const listed = (words: string, right: Right): boolean => words.split(" ").includes(right);
const person = (role: (typeof ROLES)[number], more: Partial<Subject> = {}): Subject => ({
  kind: "person",
  name: "alice",
  role,
  rights: ROLE_RIGHTS[role],
  ...more,
});
const matrix = ROLES.flatMap((role) => RIGHTS.map((right) => ({ role, right })));

describe("may", () => {
  it.each(matrix)("$role: $right, anywhere and nowhere in particular", ({ role, right }) => {
    const promised = listed(PROMISED[role], right);
    for (const node of [undefined, "n1", "n9"]) {
      const verdict = may(person(role), right, node);
      if (promised) expect(verdict).toBe(true);
      else expect(verdict).toMatch(`alice does not have the right ${right}; `);
    }
  });

  it.each(matrix)("$role with some nodes: $right", ({ role, right }) => {
    const scoped = person(role, { nodes: ["n1", "n2"] });
    const promised = listed(PROMISED[role], right) && !listed(WHOLE_SITE, right);
    for (const node of [undefined, "n1", "n2"]) {
      expect(may(scoped, right, node) === true).toBe(promised);
    }
    for (const node of ["n9", "n", "n11", "constructor", ""]) {
      expect(may(scoped, right, node)).not.toBe(true);
    }
  });

  it.each(matrix)("$role without rights, as by a token: $right", ({ role, right }) => {
    expect(may(person(role, { rights: [] }), right)).not.toBe(true);
    expect(may(person(role, { rights: [right] }), right)).toBe(true);
  });

  it.each(RIGHTS)("a service as its rights say, an agent never: %s", (right) => {
    expect(may({ kind: "service", name: "power", rights: [right] }, right, "n1")).toBe(true);
    expect(may({ kind: "service", name: "power", rights: [] }, right, "n1")).not.toBe(true);
    expect(may({ kind: "agent", name: "rack-a", rights: RIGHTS }, right, "n1")).not.toBe(true);
    expect(may({ kind: "anonymous", name: "anonymous", rights: [] }, right)).not.toBe(true);
  });

  it("of somebody who has no nodes at all is no for every node", () => {
    expect(may(person("operator", { nodes: [] }), "power", "n1")).not.toBe(true);
    expect(isVisibleTo({ nodes: [] }, "n1")).toBe(false);
    expect(isVisibleTo({}, "n1")).toBe(true);
  });

  it("adds granted rights to those of the role, each once", () => {
    expect(rightsOf("viewer", ["power", "read"])).toEqual(["read", "power"]);
  });
});
