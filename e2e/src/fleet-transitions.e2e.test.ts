import type { Edge } from "@outrider/simulators/spawn";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Fleet } from "./fleet/fleet.js";
import { begin, ended, halfWay, look, tasksOf } from "./fleet/transitions.js";
import { watchedFleet } from "./fleet/watched-fleet.js";

const NODES = 64;

let fleet: Fleet;

/** What the supply of each node did after a mark, in order. */
async function supplyEdges(since: number): Promise<Map<string, string[]>> {
  const edges = await fleet.edges("a", since);
  const byNode = new Map<string, string[]>();
  for (const { slot, edge } of edges.filter(isOfSupply)) {
    const node = `n${slot}`;
    byNode.set(node, [...(byNode.get(node) ?? []), edge]);
  }
  return byNode;
}

function isOfSupply({ edge }: Edge): boolean {
  return edge === "supply-on" || edge === "supply-off";
}

const ONE_CYCLE = ["supply-off", "supply-on"];

describe("transitions over 64 nodes of a rack", () => {
  beforeAll(async () => {
    fleet = await Fleet.start({ racks: { a: { prefix: "n", slots: NODES } } });
    const { id } = await begin(fleet.rest, { action: "On", nodes: "@all" });
    await ended(fleet.rest, id);
    await fleet.supplies("On");
  });
  afterAll(() => fleet?.[Symbol.asyncDispose]());

  watchedFleet(() => fleet, { supplies: "On" });

  test("(P4) an abort finishes the cycles that run and begins no more", async () => {
    const since = await fleet.mark("a");
    const { id } = await begin(fleet.rest, {
      action: "PowerCycle",
      nodes: "@all",
      parallel: 8,
    });
    await eventually("cycles are under way", async () => (await supplyEdges(since)).size >= 8);
    await fleet.rest.delete(`/transitions/${id}`);
    const end = await ended(fleet.rest, id);
    expect(end).toMatchObject({ state: "Aborted", counts: { waiting: 0, running: 0 } });
    expect(end.counts.canceled).toBeGreaterThan(0);
    expect(end.counts.succeeded + end.counts.canceled).toBe(NODES);
    const edges = await supplyEdges(since);
    for (const { node, state } of await tasksOf(fleet.rest, id)) {
      expect([node, edges.get(node) ?? []]).toEqual([node, state === "Succeeded" ? ONE_CYCLE : []]);
    }
    await fleet.supplies("On");
  });

  test("(P1) (P5) every node is cycled once though the power service is killed half-way", async () => {
    const since = await fleet.mark("a");
    const { id } = await begin(fleet.rest, {
      action: "PowerCycle",
      nodes: "@all",
      parallel: 16,
    });
    await halfWay(fleet.rest, id, 16);
    await fleet.part("power").restart();
    const end = await ended(fleet.rest, id);
    expect(end).toMatchObject({ state: "Completed", counts: { succeeded: NODES } });
    const edges = await supplyEdges(since);
    for (const node of fleet.nodes) expect([node, edges.get(node)]).toEqual([node, ONE_CYCLE]);
  });

  test("(P4) what a device refuses is told of its node, and the others are not held up", async () => {
    const since = await fleet.mark("a");
    const { client } = fleet.rack("a");
    await client.faults(5, { refuseOff: true });
    await client.faults(17, { stuckOn: true });
    try {
      const { id } = await begin(fleet.rest, { action: "ForceOff", nodes: "n[1-32]" });
      const end = await ended(fleet.rest, id);
      expect(end).toMatchObject({ state: "Completed", counts: { succeeded: 30, failed: 2 } });
      const tasks = new Map((await tasksOf(fleet.rest, id)).map((task) => [task.node, task]));
      for (const node of ["n5", "n17"]) {
        const task = [...tasks].find(([name]) => name === node)?.[1];
        expect(task).toMatchObject({ state: "Failed", detail: expect.any(String) });
        expect(task?.reasonCode).toBeDefined();
      }
      const edges = await supplyEdges(since);
      expect([...edges.keys()].filter((node) => node === "n5" || node === "n17")).toEqual([]);
      expect(edges.size).toBe(30);
    } finally {
      await client.faults(5, {});
      await client.faults(17, {});
    }
  });

  test("two people at once: no node is acted on by both at a time, and both are told", async () => {
    const since = await fleet.mark("a");
    const nodes = "n[33-64]";
    const [one, two] = await Promise.all([
      begin(fleet.rest, { action: "PowerCycle", nodes }),
      begin(fleet.rest, { action: "PowerCycle", nodes }),
    ]);
    const ends = [await ended(fleet.rest, one.id), await ended(fleet.rest, two.id)];
    const succeeded = ends.reduce((sum, { counts }) => sum + counts.succeeded, 0);
    const edges = await supplyEdges(since);
    const cycles = [...edges.values()].map((list) => list.join(" "));
    // Each is a whole number of cycles, one after another.
    for (const list of cycles)
      expect(list).toMatch(/^supply-off supply-on( supply-off supply-on)?$/);
    expect([...edges.values()].flat()).toHaveLength(2 * succeeded);
    const refused = (await tasksOf(fleet.rest, two.id)).filter(({ state }) => state === "Rejected");
    for (const { reasonCode } of refused) expect(reasonCode).toBe("busy");
  });

  test("the deadline of the whole gives up what has not begun", async () => {
    const since = await fleet.mark("a");
    const { id } = await begin(fleet.rest, {
      action: "PowerCycle",
      nodes: "n[33-64]",
      parallel: 2,
      deadlineMs: 3000,
    });
    const end = await ended(fleet.rest, id);
    expect(end.state).toBe("Completed");
    expect(end.counts.canceled).toBeGreaterThan(0);
    const edges = await supplyEdges(since);
    expect(edges.size).toBe(end.counts.succeeded);
    const late = (await tasksOf(fleet.rest, id)).filter(({ state }) => state === "Canceled");
    for (const { reasonCode } of late) expect(reasonCode).toBe("expired");
    expect(await look(fleet.rest, id)).toEqual(end);
  });
});
