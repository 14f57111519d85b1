import { nodeId } from "@outrider/contracts/ids";
import { describe, expect, it } from "vitest";
import { MAX_ASKING, MAX_DRAINING, nextTasks, PATIENCE_MS } from "./next-tasks.js";
import { Progress } from "./progress.js";
import type { Order } from "./task.js";
import { AT, FakeWorld, orderOf, tasksOf } from "./testing/world.js";

function progressOf(count: number, order: Partial<Order> = {}): Progress {
  return new Progress(orderOf(order), { state: "InProgress", revision: 1 }, tasksOf(count));
}

/** Does what the scan says, and says which nodes were begun. */
function step(progress: Progress, world: FakeWorld, nowMs: number): string[] {
  const next = nextTasks(progress, world, nowMs);
  for (const { position } of next.hesitate) progress.hesitate(position, nowMs);
  for (const { task, ending } of next.refuse) progress.ended(task.position, ending, AT);
  for (const { task, stage } of next.begin) progress.begin(task.position, stage, nowMs, AT);
  return next.begin.map(({ task }) => task.node);
}

describe("which tasks begin", () => {
  it("begins in the order of the nodes, at most as many as shall run at once", () => {
    const progress = progressOf(5, { parallel: 2 });
    const world = new FakeWorld();
    expect(step(progress, world, 0)).toEqual(["n1", "n2"]);
    expect(step(progress, world, 1)).toEqual([]);
    progress.ended(0, { status: "Succeeded" }, AT);
    expect(step(progress, world, 2)).toEqual(["n3"]);
  });

  it("leaves the stagger between two begins and says when to look again", () => {
    const progress = progressOf(3, { staggerMs: 100 });
    const world = new FakeWorld();
    expect(step(progress, world, 1000)).toEqual(["n1"]);
    expect(nextTasks(progress, world, 1040)).toMatchObject({ begin: [], againMs: 60 });
    expect(step(progress, world, 1100)).toEqual(["n2"]);
  });

  it("asks for no more commands at once than are answered in time", () => {
    const progress = progressOf(MAX_ASKING + 10);
    const world = new FakeWorld();
    expect(step(progress, world, 0)).toHaveLength(MAX_ASKING);
    progress.accepted(0, AT);
    expect(step(progress, world, 0)).toEqual([`n${MAX_ASKING + 1}`]);
  });

  it("goes ahead of the starts of a domain by its window only, and past it to other domains", () => {
    const progress = progressOf(6);
    const world = new FakeWorld();
    for (const n of [1, 2, 3, 4]) {
      world.windows.set(nodeId(`n${n}`), { domain: "psu-a", ahead: 2 });
    }
    expect(step(progress, world, 0)).toEqual(["n1", "n2", "n5", "n6"]);
    progress.accepted(0, AT);
    world.queued.add(nodeId("n1"));
    expect(step(progress, world, 0)).toEqual([]);
    world.queued.delete(nodeId("n1"));
    expect(step(progress, world, 0)).toEqual(["n3"]);
  });

  it("begins with every domain before it goes further ahead in any", () => {
    const progress = progressOf(9);
    const world = new FakeWorld();
    for (const n of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const domain = n <= 4 ? "psu-a" : "psu-b";
      world.windows.set(nodeId(`n${n}`), { domain, ahead: 3 });
    }
    expect(step(progress, world, 0)).toEqual(["n1", "n2", "n5", "n6", "n9", "n3", "n7"]);
  });

  it("drains a bounded number of nodes at a time, and none where that is left out", () => {
    const world = new FakeWorld();
    for (const { node } of tasksOf(MAX_DRAINING + 5)) world.drains.add(node);
    const progress = progressOf(MAX_DRAINING + 5);
    expect(step(progress, world, 0)).toHaveLength(MAX_DRAINING);
    expect(progress.counts.running).toBe(MAX_DRAINING);
    expect(progress.at(0)?.state).toBe("Draining");
    const skipping = progressOf(3, { skipDrain: true });
    step(skipping, world, 0);
    expect(skipping.at(0)?.state).toBe("Running");
  });

  it("begins nothing without the broker", () => {
    const world = new FakeWorld();
    world.connected = false;
    expect(step(progressOf(3), world, 0)).toEqual([]);
  });

  it("waits for an agent that may come back, and then has the command say why not", () => {
    const progress = progressOf(2);
    const world = new FakeWorld();
    world.away.add(nodeId("n1"));
    expect(step(progress, world, 0)).toEqual(["n2"]);
    expect(step(progress, world, PATIENCE_MS - 1)).toEqual([]);
    expect(step(progress, world, PATIENCE_MS)).toEqual(["n1"]);
  });

  it("refuses a node that is not as it was expected, a supply that nobody knows after a while", () => {
    const progress = progressOf(3, { expect: "Off" });
    const world = new FakeWorld();
    world.supplies.set(nodeId("n1"), "Off");
    world.supplies.set(nodeId("n3"), "Unknown");
    expect(step(progress, world, 0)).toEqual(["n1"]);
    expect(progress.at(1)).toMatchObject({ state: "Rejected", reasonCode: "expectation-failed" });
    expect(progress.at(2)?.state).toBe("Waiting");
    step(progress, world, PATIENCE_MS);
    expect(progress.at(2)).toMatchObject({
      state: "Rejected",
      detail: expect.stringContaining("not known"),
    });
  });

  it("waits for an interlock that others of the role hold, and refuses one that no waiting helps", () => {
    const progress = progressOf(3);
    const world = new FakeWorld();
    // One of the three must stay up.
    world.interlocked = (_, going) =>
      going.size < 2 ? undefined : { detail: "the last one", mayPass: true };
    expect(step(progress, world, 0)).toEqual(["n1", "n2"]);
    expect(step(progress, world, 0)).toEqual([]);
    progress.ended(0, { status: "Succeeded" }, AT);
    expect(step(progress, world, 0)).toEqual(["n3"]);

    const last = progressOf(1);
    world.interlocked = () => ({ detail: "the last one", mayPass: false });
    step(last, world, 0);
    expect(last.at(0)).toMatchObject({ state: "Rejected", reasonCode: "interlocked" });
    expect(last.head.state).toBe("Completed");

    const overridden = progressOf(1, { override: true });
    expect(step(overridden, world, 0)).toEqual(["n1"]);
  });

  it("gives a node that came back the time to be seen before an interlock is final", () => {
    const progress = progressOf(2, { parallel: 1 });
    const world = new FakeWorld();
    expect(step(progress, world, 0)).toEqual(["n1"]);
    progress.ended(0, { status: "Succeeded" }, AT);
    world.interlocked = () => ({ detail: "n1 is not seen yet", mayPass: false });
    expect(step(progress, world, 0)).toEqual([]);
    expect(progress.at(1)?.state).toBe("Waiting");
    world.interlocked = () => undefined;
    expect(step(progress, world, 500)).toEqual(["n2"]);
  });
});
