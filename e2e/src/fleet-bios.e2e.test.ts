import { BIOS_PEERS, mustSkip } from "@outrider/simulators/peers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Fleet } from "./fleet/fleet.js";
import { brokenRules, histogramOf, type DomainLimits } from "./fleet/starts.js";
import { begin, ended, halfWay } from "./fleet/transitions.js";
import { watchedFleet } from "./fleet/watched-fleet.js";

const SLOTS = 64;
const LIMITS: DomainLimits = { startSpacingMs: 150, concurrentStarts: 4, startDurationMs: 0 };
const skip = mustSkip("a fleet of virtual machines", BIOS_PEERS);

let fleet: Fleet;

async function judged(since: number, onBefore: readonly number[]): Promise<number> {
  const histogram = histogramOf(await fleet.edges("chassis", since), LIMITS, onBefore);
  expect([histogram, brokenRules(histogram, LIMITS)]).toEqual([histogram, []]);
  return histogram.starts;
}

const EVERY_SLOT = Array.from({ length: SLOTS }, (_, at) => at + 1);

describe.skipIf(skip)("64 virtual machines on one supply", () => {
  beforeAll(async () => {
    fleet = await Fleet.start({
      racks: { chassis: { prefix: "n", slots: SLOTS, chassis: "bios", node: { sampling: "5s" } } },
      site: {
        powerDomains: {
          psu: {
            nodes: `n[1-${SLOTS}]`,
            startSpacing: `${LIMITS.startSpacingMs}ms`,
            concurrentStarts: LIMITS.concurrentStarts,
          },
        },
      },
    });
  });
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
  });
  watchedFleet(() => fleet, { supplies: "On" });

  test("(P10) one transition starts them all as the domain allows", async () => {
    // Another try finds them on.
    if (fleet.states.get("n1")?.supply.value === "On") {
      await ended(fleet.rest, (await begin(fleet.rest, { action: "ForceOff", nodes: "@all" })).id);
      await fleet.supplies("Off");
    }
    const since = await fleet.mark("chassis");
    const { id } = await begin(fleet.rest, { action: "On", nodes: `n[1-${SLOTS}]` });
    const end = await ended(fleet.rest, id);
    expect(end.counts).toMatchObject({ succeeded: SLOTS });
    expect(await judged(since, [])).toBe(SLOTS);
  });

  test("(P10) (P1) (P4) cycles go on when the service dies half-way: every machine once, and none is left off", async () => {
    const since = await fleet.mark("chassis");
    const { id } = await begin(fleet.rest, { action: "PowerCycle", nodes: `n[1-${SLOTS}]` });
    await halfWay(fleet.rest, id, 8);
    await fleet.part("power").restart();
    const end = await ended(fleet.rest, id);
    expect(end.counts.waiting + end.counts.running).toBe(0);
    await judged(since, EVERY_SLOT);
    const offs = (await fleet.edges("chassis", since)).filter(({ edge }) => edge === "supply-off");
    expect(new Set(offs.map(({ slot }) => slot)).size).toBe(offs.length);
    await fleet.supplies("On");
  });

  test("(P10) what an abort finds running is finished, and nothing else begins", async () => {
    const since = await fleet.mark("chassis");
    const { id } = await begin(fleet.rest, { action: "PowerCycle", nodes: `n[1-${SLOTS}]` });
    await halfWay(fleet.rest, id, 4);
    await fleet.rest.delete(`/transitions/${id}`);
    const end = await ended(fleet.rest, id);
    expect(end.state).toBe("Aborted");
    const { succeeded, canceled } = end.counts;
    expect(succeeded + canceled).toBe(SLOTS);
    expect(canceled).toBeGreaterThan(0);
    const offs = (await fleet.edges("chassis", since)).filter(({ edge }) => edge === "supply-off");
    expect(offs.length).toBe(succeeded);
    await fleet.supplies("On");
  });
});
