import type { NodeDescription } from "@outrider/contracts/node";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { describe, expect, it } from "vitest";
import { Mirror } from "./mirror.js";
import { LiveFilter } from "../live/live-filter.js";
import { selectNodes } from "./select.js";

function mirrorOf(...ids: string[]): Mirror {
  const mirror = new Mirror(new VirtualClock());
  for (const id of ids) {
    const description = { id, name: id, roles: ["compute"], labels: {} };
    mirror.hear(id, "description", description as unknown as NodeDescription);
  }
  return mirror;
}

const saidOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return String(error);
  }
  return "nothing";
};

describe("a node set", () => {
  const mirror = mirrorOf("n1", "n2", "n3");
  const viewer = { nodes: ["n1", "n2"] };

  it("means what its reader may see, and all to whom is bound to nothing", () => {
    expect(selectNodes("@compute", mirror)).toEqual(["n1", "n2", "n3"]);
    expect(selectNodes("@compute", mirror, viewer)).toEqual(["n1", "n2"]);
    expect(selectNodes("@all", mirror, viewer)).toEqual(["n1", "n2"]);
  });

  it("tells a node that is not seen from none by nothing", () => {
    const hidden = saidOf(() => selectNodes("n3", mirror, viewer));
    const absent = saidOf(() => selectNodes("n4", mirror, viewer));
    expect(hidden).toContain("n3");
    expect(hidden.replaceAll("n3", "n4")).toBe(absent);
  });
});

describe("a filter of live events", () => {
  const subject = { kind: "person", name: "eve", rights: [], nodes: ["n1", "n2"] } as const;

  it("goes on telling of the other nodes when one that was named has gone", () => {
    const mirror = mirrorOf("n1", "n2");
    const filter = new LiveFilter({ nodes: "n[1-2]" }, subject, mirror);
    mirror.hear("n2", "description", undefined);
    filter.outdate();
    expect(filter.node("n1")).toBe(true);
    expect([filter.gone("n2"), filter.gone("n3")]).toEqual([true, false]);
  });
});
