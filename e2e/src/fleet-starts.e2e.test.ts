import type { TransitionList } from "@outrider/contracts/transition";
import { startNode } from "@outrider/testing/child";
import { eventually } from "@outrider/testing/eventually";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Fleet } from "./fleet/fleet.js";
import { brokenRules, histogramOf, type DomainLimits } from "./fleet/starts.js";
import { begin, ended, halfWay } from "./fleet/transitions.js";
import { watchedFleet } from "./fleet/watched-fleet.js";

const CLI = import.meta.resolve("@outrider/cli/main");

/** A thousand nodes behind four agents, each agent's in two power domains. */
const AGENTS = ["a", "b", "c", "d"] as const;
const SLOTS = 250;
const PER_DOMAIN = SLOTS / 2;
const LIMITS: DomainLimits = {
  startSpacingMs: 60,
  concurrentStarts: 3,
  startDurationMs: 100,
  watts: { budget: PER_DOMAIN * 5 + 9, running: 5, starting: 8 },
};

let fleet: Fleet;

function domainsOf(agent: string): { id: string; nodes: string; from: number; to: number }[] {
  return [0, 1].map((at) => {
    const from = at * PER_DOMAIN + 1;
    const to = (at + 1) * PER_DOMAIN;
    return { id: `psu-${agent}${at + 1}`, nodes: `${agent}[${from}-${to}]`, from, to };
  });
}

/** Judges every domain by the edges of its supplies since a mark. @returns how many started */
async function judged(
  since: ReadonlyMap<string, number>,
  onBefore: "none" | "all" = "none",
): Promise<number> {
  let starts = 0;
  for (const agent of AGENTS) {
    const edges = await fleet.edges(agent, since.get(agent) ?? 0);
    for (const { id, from, to } of domainsOf(agent)) {
      const own = edges.filter(({ slot }) => slot >= from && slot <= to);
      const before =
        onBefore === "all" ? Array.from({ length: PER_DOMAIN }, (_, at) => from + at) : [];
      const histogram = histogramOf(own, LIMITS, before);
      expect([id, histogram, brokenRules(histogram, LIMITS)]).toEqual([id, histogram, []]);
      starts += histogram.starts;
    }
  }
  return starts;
}

async function marks(): Promise<Map<string, number>> {
  const all = await Promise.all(
    AGENTS.map(async (agent) => [agent, await fleet.mark(agent)] as const),
  );
  return new Map(all);
}

/** How often each supply of the fleet came on since a mark. */
async function startsByNode(since: ReadonlyMap<string, number>): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const agent of AGENTS) {
    for (const { edge, slot } of await fleet.edges(agent, since.get(agent) ?? 0)) {
      if (edge !== "supply-on") continue;
      const node = `${agent}${slot}`;
      counts.set(node, (counts.get(node) ?? 0) + 1);
    }
  }
  return counts;
}

async function allOff(): Promise<void> {
  const { id } = await begin(fleet.rest, { action: "ForceOff", nodes: "@all" });
  const end = await ended(fleet.rest, id);
  expect(end.counts).toMatchObject({ succeeded: fleet.nodes.length });
  await fleet.supplies("Off");
}

async function allOn(): Promise<void> {
  const { id } = await begin(fleet.rest, { action: "On", nodes: "@all" });
  await ended(fleet.rest, id);
  await fleet.supplies("On");
}

describe("starts of a thousand nodes", () => {
  beforeAll(async () => {
    const domains = AGENTS.flatMap((agent) => domainsOf(agent));
    fleet = await Fleet.start({
      racks: Object.fromEntries(
        AGENTS.map((agent) => [
          agent,
          {
            prefix: agent,
            slots: SLOTS,
            node: { restore: "Restore", draw: { running: 5, starting: 8 } },
          },
        ]),
      ),
      site: {
        powerDomains: Object.fromEntries(
          domains.map(({ id, nodes }) => [
            id,
            {
              nodes,
              startSpacing: `${LIMITS.startSpacingMs}ms`,
              concurrentStarts: LIMITS.concurrentStarts,
              startDuration: `${LIMITS.startDurationMs}ms`,
              wattBudget: LIMITS.watts?.budget,
            },
          ]),
        ),
      },
    });
  });
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
  });

  watchedFleet(() => fleet, { supplies: "On" });

  test("(P10) one transition starts them all, each once, as its domain allows", async () => {
    await allOff();
    const since = await marks();
    const { id, total } = await begin(fleet.rest, { action: "On", nodes: "@all" });
    expect(total).toBe(1000);
    const end = await ended(fleet.rest, id);
    expect(end.counts).toMatchObject({ succeeded: 1000 });
    expect(await judged(since)).toBe(1000);
    await fleet.supplies("On");
  });

  test.each(["power", "broker"] as const)(
    "(P10) (P1) (P5) it goes on to its end when the %s is killed half-way, and nothing starts twice",
    async (victim) => {
      await allOff();
      const since = await marks();
      const { id } = await begin(fleet.rest, { action: "On", nodes: "@all" });
      await halfWay(fleet.rest, id, 300);
      await fleet.part(victim).restart();
      const end = await ended(fleet.rest, id);
      expect(end.counts.waiting + end.counts.running).toBe(0);
      await judged(since);
      const often = [...(await startsByNode(since))].filter(([, count]) => count > 1);
      expect(often).toEqual([]);
      await allOn();
    },
  );

  test("(P10) (P1) (P5) it goes on to its end when the client is killed half-way", async () => {
    await allOff();
    const since = await marks();
    const client = await startNode(CLI, {
      args: ["power", "on", "@all", "-y"],
      env: { OUTRIDER_URL: fleet.rest.url, OUTRIDER_TOKEN: fleet.rest.token, HOME: fleet.data },
      ready: "none",
    });
    const id = await eventually("the client's transition", async () => {
      const { transitions } = await fleet.rest.get<TransitionList>("/transitions?active=true");
      return transitions.find(({ action }) => action === "On")?.id;
    });
    await halfWay(fleet.rest, id, 300);
    await client.kill("SIGKILL");
    const end = await ended(fleet.rest, id);
    expect(end.counts).toMatchObject({ succeeded: 1000 });
    expect(await judged(since)).toBe(1000);
    await fleet.supplies("On");
  });

  test("(P10) (P4) cycles that are sent out one after another leave nobody off when their service dies", async () => {
    const nodes = "a[1-60],b[1-60]";
    const since = await marks();
    const { id } = await begin(fleet.rest, { action: "PowerCycle", nodes });
    await halfWay(fleet.rest, id, 30);
    await fleet.part("power").restart();
    const end = await ended(fleet.rest, id);
    expect(end.counts.waiting + end.counts.running).toBe(0);
    await judged(since, "all");
    await fleet.supplies("On");
  });

  test("(P10) (P9) after a blackout every supply comes back by itself, as its domain allows", async () => {
    const since = await marks();
    await Promise.all(AGENTS.map((agent) => fleet.rack(agent).client.mains(false)));
    await Promise.all(AGENTS.map((agent) => fleet.rack(agent).client.mains(true)));
    await eventually(
      "every supply is on again",
      async () => [...(await startsByNode(since)).keys()].length === 1000,
      { withinMs: 240_000 },
    );
    expect(await judged(since, "all")).toBe(1000);
    await fleet.supplies("On");
  });
});
