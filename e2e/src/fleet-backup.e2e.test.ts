import { join } from "node:path";
import type { Lock } from "@outrider/contracts/lock";
import type { Transition } from "@outrider/contracts/transition";
import { startNode } from "@outrider/testing/child";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Fleet } from "./fleet/fleet.js";
import { begin, ended, look } from "./fleet/transitions.js";
import { watchedFleet } from "./fleet/watched-fleet.js";

const BACKUP = import.meta.resolve("@outrider/backup/main");
const SERVICES = ["power", "inventory", "telemetry", "gateway", "broker"] as const;

let fleet: Fleet;

async function outriderBackup(...args: readonly string[]): Promise<void> {
  const run = await startNode(BACKUP, { args, ready: "none" });
  const { code } = await run.exited;
  if (code !== 0) throw new Error(`outrider-backup ${args.join(" ")}: ${run.stderr()}`);
}

async function hold(nodes: string): Promise<Lock> {
  const lock = await fleet.rest.post<Lock>("/locks", { nodes });
  expect(lock.state).toBe("Held");
  return lock;
}

function cycle(node: string): Promise<unknown> {
  const asked = { action: "PowerCycle" };
  return fleet.rest.post(`/nodes/${node}/power`, asked, { prefer: "wait=60" });
}

/** The highest fence that the agent has seen for a node. */
function seenFence(node: string): number {
  return fleet.descriptions.get("a")?.fences[node] ?? 0;
}

describe("a restore from an old backup", () => {
  beforeAll(async () => {
    fleet = await Fleet.start({ racks: { a: { prefix: "n", slots: 4 } } });
    const { id } = await begin(fleet.rest, { action: "On", nodes: "@all" });
    await ended(fleet.rest, id);
  });
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
  });
  watchedFleet(() => fleet, { supplies: "On" });

  test("(P6) (P1) raises all fences, repeats no command, and the next holder is heard by the agent", async () => {
    const archive = join(fleet.data, "..", "backup.tar.gz");
    const first = await hold("n1");
    await cycle("n1");
    await fleet.rest.delete(`/locks/${first.id}`);
    // The backup finds a transition in the middle.
    const open = await begin(fleet.rest, {
      action: "PowerCycle",
      nodes: "n[3-4]",
      staggerMs: 3000,
    });
    await outriderBackup("backup", "--data", fleet.data, archive);
    await ended(fleet.rest, open.id);
    // What happens after it is forgotten by the services, and not by the agent.
    for (let turn = 0; turn < 3; turn++) {
      const lock = await hold("n1");
      await cycle("n1");
      await fleet.rest.delete(`/locks/${lock.id}`);
    }
    const after = fleet.locks.get("n1")?.fence ?? 0;
    await eventually("the agent has seen the last fence", () => seenFence("n1") === after);
    await fleet.supplies("On");
    const since = await fleet.mark("a");

    for (const name of SERVICES) await fleet.part(name).stop();
    await outriderBackup("restore", "--replace", "--data", fleet.data, archive);
    await fleet.part("broker").start();
    const services = ["inventory", "power", "telemetry", "gateway"] as const;
    await Promise.all(services.map((name) => fleet.part(name).start()));
    fleet.moved();
    await eventually("n1 has a fence above all", () => (fleet.locks.get("n1")?.fence ?? 0) > after);
    await eventually(
      "all can be managed",
      async () => {
        const { nodes } = await fleet.rest.get<{ nodes: { status?: { management: string } }[] }>(
          "/nodes",
        );
        return (
          nodes.length === 4 && nodes.every(({ status }) => status?.management === "Available")
        );
      },
      { withinMs: 60_000 },
    );

    const restored: Transition | undefined = await look(fleet.rest, open.id);
    expect(restored?.endedAt).toBeDefined();
    expect(restored?.counts).toMatchObject({ waiting: 0, running: 0 });
    expect(await fleet.edges("a", since)).toEqual([]);
    const lock = await hold("n1");
    expect(lock.fences?.["n1"]).toBeGreaterThan(after);
    await cycle("n1");
    await eventually("the agent has seen it", () => seenFence("n1") === lock.fences?.["n1"]);
    expect((await fleet.edges("a", since)).map(({ edge }) => edge)).toEqual([
      "supply-off",
      "supply-on",
    ]);
  });
});
