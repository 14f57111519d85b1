import type { DesiredDomain } from "@outrider/contracts/agent";
import { eventually } from "@outrider/testing/eventually";
import { afterEach, describe, expect, it } from "vitest";
import { startsOf } from "./testing/edge-histogram.js";
import { Stage } from "./testing/stage.js";

const SLOTS = 64;
const RUNNING_WATTS = 8;
const STARTING_WATTS = 12;
const DOMAIN: DesiredDomain = {
  domain: "psu",
  startSpacingMs: 30,
  concurrentStarts: 3,
  startDurationMs: 80,
  // All may run; towards the end only two may start at once.
  wattBudget: SLOTS * RUNNING_WATTS + 2 * (STARTING_WATTS - RUNNING_WATTS),
};
const slots = Array.from({ length: SLOTS }, (_, index) => index + 1);

describe("starts in a power domain", () => {
  let stage: Stage;

  afterEach(async () => {
    await stage[Symbol.asyncDispose]();
  });

  async function begin(restore: "None" | "AlwaysOn", domain = DOMAIN): Promise<void> {
    stage = await Stage.start({
      slots: SLOTS,
      runningWatts: RUNNING_WATTS,
      startingWatts: STARTING_WATTS,
      startingMs: DOMAIN.startDurationMs / 4,
    });
    await stage.startAgent();
    await stage.configureEndpoints(
      slots.map((slot) => ({
        ...stage.desired(slot),
        restore,
        dwellMs: 100,
        sampleEveryMs: 1000,
        staleAfterMs: 5000,
        domain: domain.domain,
        runningWatts: RUNNING_WATTS,
        startingWatts: STARTING_WATTS,
      })),
      [domain],
    );
    await stage.bound();
  }

  const supplyOns = async (since: number): Promise<number> =>
    (await stage.rack.client.edges({ since })).filter(({ edge }) => edge === "supply-on").length;

  async function expectLimits(since: number, domain = DOMAIN): Promise<void> {
    const starts = startsOf(await stage.rack.client.edges({ since }), domain.startDurationMs);
    expect(starts.closestMs).toBeGreaterThanOrEqual(domain.startSpacingMs);
    expect(starts.mostAtOnce).toBeLessThanOrEqual(domain.concurrentStarts ?? SLOTS);
    expect(starts.mostWatts).toBeLessThanOrEqual(domain.wattBudget ?? Number.POSITIVE_INFINITY);
  }

  it("P10 P11: after a blackout of the whole rack with AlwaysOn, the agent killed in the middle, no limit is broken", async () => {
    await begin("AlwaysOn");
    const { client } = stage.rack;
    await Promise.all(slots.map((slot) => client.supply(slot, true)));
    // Read more than once since they are on, so that the agent's journal has it, too.
    await eventually("all of it runs", () =>
      slots.every((slot) => stage.observation(slot)?.drawWatts === RUNNING_WATTS),
    );
    const since = (await client.edges()).at(-1)?.seq ?? 0;
    // Back at once: a device that answers and cannot switch would use up the attempts of P11.
    await client.mains(false);
    await client.mains(true);
    await eventually("half of it is on", async () => (await supplyOns(since)) >= SLOTS / 2, {
      withinMs: 60_000,
    });
    await stage.restartAgent();
    await eventually("all of it is on", async () => (await supplyOns(since)) >= SLOTS, {
      withinMs: 60_000,
    });
    expect(await supplyOns(since), "each once").toBe(SLOTS);
    await expectLimits(since);
  });

  it("P10: commands and cycles for the whole domain at once obey the limits, and all end well", async () => {
    await begin("None");
    const ttlMs = 60_000;
    const ons = await Promise.all(slots.map((slot) => stage.run(slot, "On", { ttlMs })));
    expect(ons.map(({ status }) => status)).toEqual(slots.map(() => "Succeeded"));
    await expectLimits(0);
    const cycles = await Promise.all(
      slots.slice(0, 8).map((slot) => stage.run(slot, "PowerCycle", { ttlMs })),
    );
    expect(cycles.map(({ status }) => status)).toEqual(cycles.map(() => "Succeeded"));
    await expectLimits(0);
  });

  it("a command whose slot does not come in time ends as no-start-slot, and nothing was done", async () => {
    const slow = { ...DOMAIN, startSpacingMs: 2000 };
    await begin("None", slow);
    const first = await stage.run(1, "On", { ttlMs: 60_000 });
    expect(first).toMatchObject({ status: "Succeeded" });
    const second = await stage.run(2, "On", { ttlMs: 500 });
    expect(second).toMatchObject({ status: "Rejected", reasonCode: "no-start-slot" });
    expect(second.detail).toMatch(/psu.*spaced.*nothing was done/);
    expect(await stage.supplyEdges(2)).toEqual([]);
    const waits = stage.reports(second.id).filter(({ status }) => status === "InProgress");
    expect(waits.map(({ detail }) => detail).join()).toMatch(/waits for its start/);
  });

  it("P4: an owed On that waits keeps no configuration back, and the next one can make room for it", async () => {
    stage = await Stage.start();
    await stage.startAgent();
    const slow = { domain: "psu", startSpacingMs: 600_000, startDurationMs: 0 };
    const desired = (slot: number) => ({ ...stage.desired(slot), domain: slow.domain });
    await stage.configureEndpoints([desired(1)], [slow]);
    await stage.bound();
    await stage.rack.client.supply(1, true);
    await stage.seen(1, "On");
    const cycle = await stage.send(stage.command(1, "PowerCycle", { ttlMs: 60_000 }));
    await eventually("the owed On waits", () =>
      stage.reports(cycle.id).some(({ detail }) => detail?.includes("waits for its start")),
    );

    const moved = { ...desired(1), options: { socket: stage.rack.listen, slot: 3 } };
    stage.askEndpoints([moved, desired(2)], [slow]);
    await eventually("the other endpoint is bound", () => stage.described(2)?.state === "bound");
    expect(stage.reports(cycle.id).some(({ terminal }) => terminal)).toBe(false);
    expect(stage.described(1)).toMatchObject({
      state: "failed",
      reason: expect.stringContaining("being changed"),
    });

    const quick = { ...slow, startSpacingMs: 0 };
    await stage.configureEndpoints([moved, desired(2)], [quick]);
    expect(await stage.terminal(cycle.id)).toMatchObject({ status: "Succeeded" });
    expect(await stage.supplyEdges(1)).toEqual(["supply-on", "supply-off", "supply-on"]);
    await stage.bound();
    expect(await stage.run(1, "On")).toMatchObject({ status: "Succeeded", changed: true });
    expect(await stage.supplyEdges(3)).toEqual(["supply-on"]);
  });

  it("P4: an agent that is killed in a cycle finishes it though others have taken its watts by hand", async () => {
    stage = await Stage.start();
    const tight = { domain: "psu", startSpacingMs: 0, startDurationMs: 0, wattBudget: 13 };
    const desired = (slot: number) => ({
      ...stage.desired(slot),
      domain: tight.domain,
      runningWatts: RUNNING_WATTS,
      startingWatts: STARTING_WATTS,
    });
    await stage.startAgent({ OUTRIDER_FAILPOINT: "agent.dwelling" });
    await stage.configureEndpoints([desired(1), desired(2)], [tight]);
    await stage.bound();
    await stage.run(1, "On");
    const { id } = await stage.send(stage.command(1, "PowerCycle"));
    expect((await stage.agent.exited).signal).toBe("SIGKILL");
    await stage.rack.client.supply(2, true);
    await stage.startAgent();
    expect(await stage.terminal(id)).toMatchObject({ status: "Succeeded" });
    expect(await stage.supplyEdges(1)).toEqual(["supply-on", "supply-off", "supply-on"]);
  });
});
