import { eventually } from "@outrider/testing/eventually";
import { Fleet } from "../fleet/fleet.js";
import { markOf, switched } from "./edges.js";
import { cpuMs, hostMs } from "./machine.js";
import { figure, table } from "./markdown.js";
import { median, spread } from "./statistics.js";

export interface RestPlan {
  /** Bursts by how many commands are in one, each for a node of its own. */
  readonly bursts: Readonly<Record<number, number>>;
  /** Rounds of the same number in one request. */
  readonly bulkRounds: number;
}

/** Before anything counts, so that what is measured is a gateway that has run for a while. */
const WARM_UP_BURSTS = 3;

interface Measured {
  readonly answers: number[];
  readonly edges: number[];
  readonly rates: number[];
  failed: number;
}

/** From the POST to the edge, many at once, each client waiting for nothing but its own answer. */
export async function measureRest({ bursts, bulkRounds }: RestPlan): Promise<string> {
  const slots = Math.max(...Object.keys(bursts).map(Number));
  await using fleet = await Fleet.start({ racks: { a: { prefix: "a", slots } } });
  const rack = new Rack(fleet);
  for (let at = 0; at < WARM_UP_BURSTS; at++) await rack.burst(slots);
  const rows: string[][] = [];
  const pids = [...fleet.parts, ["machines", fleet.rack("a")] as const];
  let shares = "";
  for (const [key, count] of Object.entries(bursts)) {
    const atOnce = Number(key);
    const before = pids.map(([, { pid }]) => cpuMs(pid));
    const all = newMeasured();
    for (let at = 0; at < count; at++) await rack.burst(atOnce, all);
    rows.push(rowOf("one each", atOnce, all));
    shares = pids
      .map(([name, { pid }], at) => {
        const each = (cpuMs(pid) - (before[at] ?? 0)) / (count * atOnce);
        return `${name} ${figure(each)} ms`;
      })
      .join(", ");
  }
  const bulk = newMeasured();
  for (let at = 0; at < bulkRounds; at++) await rack.bulk(slots, bulk);
  rows.push(rowOf("one for all", slots, bulk));
  const head = [
    "requests",
    "nodes",
    "answer p50 ms",
    "p99 ms",
    "edge p50 ms",
    "p99 ms",
    "commands/s",
    "failed",
  ];
  return [
    "`POST /api/v1/nodes/<n>/power` → accepted → supply switched, one request for each node, and `POST /api/v1/power` for all of them (the aim is 3,000 commands a second at 50, none failed):",
    table(head, rows),
    `Processor time for one command of ${slots} at once: ${shares}.`,
  ].join("\n\n");
}

function newMeasured(): Measured {
  return { answers: [], edges: [], rates: [], failed: 0 };
}

function rowOf(kind: string, nodes: number, measured: Measured): string[] {
  const { answers, edges, rates, failed } = measured;
  return [
    kind,
    String(nodes),
    figure(median(answers)),
    figure(spread(answers).p99),
    figure(median(edges)),
    figure(spread(edges).p99),
    figure(median(rates)),
    String(failed),
  ];
}

/** Slots that are switched from what they are to the other. */
class Rack {
  readonly #on = new Set<number>();
  /** How many commands have been accepted. */
  #accepted = 0;

  constructor(private readonly fleet: Fleet) {}

  async burst(atOnce: number, into: Measured = newMeasured()): Promise<void> {
    const { rest } = this.fleet;
    const machines = this.fleet.rack("a");
    await this.#idle();
    const since = await markOf(machines);
    const begunMs = hostMs();
    const startsMs = new Map<number, number>();
    let failed = 0;
    const asked = Array.from({ length: atOnce }, async (_, at) => {
      const slot = at + 1;
      const action = this.#on.has(slot) ? "ForceOff" : "On";
      const startMs = hostMs();
      startsMs.set(slot, startMs);
      try {
        await rest.post(`/nodes/a${slot}/power`, { action });
        into.answers.push(hostMs() - startMs);
        this.#accepted += 1;
        if (!this.#on.delete(slot)) this.#on.add(slot);
      } catch {
        failed += 1;
      }
    });
    await Promise.all(asked);
    into.failed += failed;
    const seen = await switched(machines, since, atOnce - failed);
    for (const { slot, monotonicMs } of seen)
      into.edges.push(monotonicMs - (startsMs.get(slot) ?? begunMs));
    const last = Math.max(...seen.map(({ monotonicMs }) => monotonicMs));
    into.rates.push((1000 * seen.length) / (last - begunMs));
  }

  async bulk(count: number, into: Measured): Promise<void> {
    const machines = this.fleet.rack("a");
    await this.#idle();
    const since = await markOf(machines);
    const slots = Array.from({ length: count }, (_, at) => at + 1);
    // Those that are on go off first, so that every node of the request is switched.
    const on = slots.filter((slot) => this.#on.has(slot)).length;
    const action = on === count ? "ForceOff" : "On";
    const startMs = hostMs();
    await this.fleet.rest.post("/power", { action, nodes: `a[1-${count}]` });
    into.answers.push(hostMs() - startMs);
    this.#accepted += count;
    const seen = await switched(machines, since, action === "On" ? count - on : count);
    for (const { monotonicMs } of seen) into.edges.push(monotonicMs - startMs);
    const last = Math.max(...seen.map(({ monotonicMs }) => monotonicMs));
    into.rates.push((1000 * seen.length) / (last - startMs));
    for (const slot of slots)
      if (action === "On") this.#on.add(slot);
      else this.#on.delete(slot);
  }
  /** Waits until what was asked for has ended, so that nothing of it counts for the next one. */
  async #idle(): Promise<void> {
    await eventually(
      "all commands have ended",
      () => this.fleet.results.filter(({ result }) => result.terminal).length >= this.#accepted,
      { withinMs: 60_000, everyMs: 50 },
    );
  }
}
