import { describe, expect, it } from "vitest";
import { announcement } from "./announcement.js";
import type { Document } from "./forms.js";
import { readable, Standing } from "./standing.js";

const sensor = (name: string) => ({ platform: "sensor", name, unique_id: name });

function device(...names: string[]): Document {
  return {
    levels: ["device", "outrider_node_n1"],
    config: { components: Object.fromEntries(names.map((name) => [name, sensor(name)])) },
  };
}

function entity(name: string): Document {
  return { levels: ["sensor", "outrider_node_n1", name], config: sensor(name) };
}

describe("an announcement", () => {
  it("says what is new as it is", () => {
    expect(announcement([device("a")], [], true)).toEqual({
      say: [device("a")],
      after: [],
      clear: [],
    });
  });

  it("names an entity that goes by its platform alone, and then not at all", () => {
    const { say, after, clear } = announcement([device("a")], [device("a", "b")], true);
    expect(say).toHaveLength(1);
    expect(say[0]?.config.components).toEqual({ a: sensor("a"), b: { platform: "sensor" } });
    expect([after, clear]).toEqual([[device("a")], []]);
    expect(announcement([device("a")], say, true)).toEqual({
      say: [device("a")],
      after: [],
      clear: [],
    });
  });

  it("takes nothing away while it is not known what there is", () => {
    const known = announcement([device("a")], [device("b")], false);
    expect(known.say[0]?.config).toEqual(device("a", "b").config);
    expect([known.after, known.clear]).toEqual([[], []]);
    expect(announcement([entity("a")], [entity("b")], false).clear).toEqual([]);
  });

  it("clears entities one by one in the form of entities, and a device that is gone in either", () => {
    expect(announcement([entity("a")], [entity("a"), entity("b")], true).clear).toEqual([
      entity("b"),
    ]);
    expect(announcement([], [device("a")], true).clear).toEqual([device("a")]);
    expect(announcement([], [entity("a")], false).clear).toEqual([entity("a")]);
  });
});

describe("what stands on the topics", () => {
  it("is news only where this process has not said it", () => {
    const standing = new Standing();
    expect(standing.heard(device("a"))).toBe(true);
    standing.said(device("b"));
    expect(standing.heard(device("c"))).toBe(false);
    expect(standing.of("outrider_node_n1", "device")).toEqual([device("b")]);
    expect(standing.of("outrider_node_n1", "entity")).toEqual([]);
  });

  it("is forgotten with the connection, but for what was said", () => {
    const standing = new Standing();
    standing.heard(entity("a"));
    standing.said(device("b"));
    standing.forgetHeard();
    expect(standing.objects()).toEqual(["outrider_node_n1"]);
    standing.heardCleared(device("b"));
    expect(standing.saidOn(device())).toEqual(device("b"));
    standing.cleared(device());
    expect(standing.objects()).toEqual([]);
  });

  it("is kept only as far as it can be said again", () => {
    const components = { a: sensor("a"), b: { platform: "sensor", of_another_version: 1 }, c: 1 };
    expect(readable({ components })).toEqual({ components: { a: sensor("a") } });
    expect(readable({ components: "x" })).toEqual({});
  });
});
