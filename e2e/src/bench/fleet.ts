import { Fleet } from "../fleet/fleet.js";
import { histogramOf, type DomainLimits } from "../fleet/starts.js";
import { begin, ended } from "../fleet/transitions.js";
import { cpuMs, hostMs, residentKib } from "./machine.js";
import { figure, table } from "./markdown.js";
import { startPduDaemon, startPowerman, type PowerPeer } from "./power-peers.js";
import { median, spread } from "./statistics.js";

export interface FleetPlan {
  /** Nodes of the transition whose length is compared with what its spacing demands. */
  readonly nodes: number;
  readonly restRounds: Readonly<Record<number, number>>;
  readonly peerSlots: number;
  readonly peerRounds: number;
}

const LIMITS: DomainLimits = { startSpacingMs: 100, startDurationMs: 0 };
const DOMAINS = 10;

/** A transition over many nodes, commands over REST, and the field's own programs on the same machines. */
export async function measureFleet(plan: FleetPlan): Promise<string> {
  return [await transition(plan), await rest(plan), await peers(plan)].join("\n\n");
}

/** How long a transition takes beyond what the spacing of its domains demands. */
async function transition({ nodes }: FleetPlan): Promise<string> {
  const each = nodes / DOMAINS;
  await using fleet = await Fleet.start({
    racks: { a: { prefix: "a", slots: nodes / 2 }, b: { prefix: "b", slots: nodes / 2 } },
    site: {
      powerDomains: Object.fromEntries(
        Array.from({ length: DOMAINS }, (_, at) => {
          const agent = at % 2 === 0 ? "a" : "b";
          const from = Math.floor(at / 2) * each + 1;
          const domain = {
            nodes: `${agent}[${from}-${from + each - 1}]`,
            startSpacing: `${LIMITS.startSpacingMs}ms`,
          };
          return [`psu-${at + 1}`, domain];
        }),
      ),
    },
  });
  const parts = [...fleet.parts.values()];
  const before = parts.map(({ pid }) => cpuMs(pid));
  const since = { a: await fleet.mark("a"), b: await fleet.mark("b") };
  const startMs = hostMs();
  const { id } = await begin(fleet.rest, { action: "On", nodes: "@all" });
  const acceptedMs = hostMs() - startMs;
  const end = await ended(fleet.rest, id);
  if (end.counts.succeeded !== nodes) throw new Error(`not all went on: ${JSON.stringify(end)}`);
  const cpu = parts.map(({ pid }, at) => cpuMs(pid) - (before[at] ?? 0));
  const edges = [...(await fleet.edges("a", since.a)), ...(await fleet.edges("b", since.b))];
  const last = Math.max(...edges.map(({ monotonicMs }) => monotonicMs));
  const { starts } = histogramOf(edges, LIMITS);
  const demandedMs = (each - 1) * LIMITS.startSpacingMs;
  const tookMs = last - startMs;
  const share = cpu.reduce((sum, one) => sum + one, 0) / nodes;
  return `A transition \`On\` over ${starts} nodes in ${DOMAINS} power domains, ${LIMITS.startSpacingMs} ms between two starts of one domain: from the POST to the last edge ${figure(tookMs / 1000)} s, where the spacing demands ${figure(demandedMs / 1000)} s: **${figure(tookMs / demandedMs)} ×** (the aim is 1.05). The POST was answered after ${figure(acceptedMs)} ms; ${figure(share)} ms of processor time a node in all parts together.`;
}

/** From the POST to the edge, many at once, each client waiting for nothing but its own answer. */
async function rest({ restRounds }: FleetPlan): Promise<string> {
  const most = Math.max(...Object.keys(restRounds).map(Number));
  await using fleet = await Fleet.start({ racks: { a: { prefix: "a", slots: most } } });
  const rows: string[][] = [];
  const on = new Set<number>();
  const toggle = (slot: number): string => {
    if (on.delete(slot)) return "ForceOff";
    on.add(slot);
    return "On";
  };
  for (const [key, rounds] of Object.entries(restRounds)) {
    const atOnce = Number(key);
    const answers: number[] = [];
    const edges: number[] = [];
    const rates: number[] = [];
    let failed = 0;
    for (let round = -1; round < rounds; round++) {
      const since = await fleet.mark("a");
      const begunMs = hostMs();
      const startsMs = new Map<number, number>();
      await Promise.all(
        Array.from({ length: atOnce }, async (_, at) => {
          const slot = at + 1;
          startsMs.set(slot, hostMs());
          const asked = fleet.rest.post(`/nodes/a${slot}/power`, { action: toggle(slot) });
          await asked.then(
            () => {
              if (round >= 0) answers.push(hostMs() - (startsMs.get(slot) ?? 0));
            },
            () => (failed += 1),
          );
        }),
      );
      const seen = await allEdges(fleet, since, atOnce);
      if (round < 0) continue;
      for (const { slot, monotonicMs } of seen) edges.push(monotonicMs - (startsMs.get(slot) ?? 0));
      rates.push((1000 * atOnce) / (Math.max(...seen.map((one) => one.monotonicMs)) - begunMs));
    }
    rows.push([
      String(atOnce),
      figure(median(answers)),
      figure(spread(answers).p99),
      figure(median(edges)),
      figure(spread(edges).p99),
      figure(median(rates)),
      String(failed),
    ]);
  }
  const head = ["at once", "answer p50 ms", "p99", "edge p50 ms", "p99", "commands/s", "failed"];
  return `\`POST /api/v1/nodes/<n>/power\` → accepted → supply switched, one request a node (the aim is 3,000 commands a second at 50, none failed):\n\n${table(head, rows)}`;
}

async function allEdges(fleet: Fleet, since: number, count: number): ReturnType<Fleet["edges"]> {
  const until = hostMs() + 60_000;
  for (;;) {
    const edges = await fleet.edges("a", since);
    if (edges.length >= count) return edges;
    if (hostMs() > until) throw new Error(`${edges.length} of ${count} supplies switched`);
  }
}

/** The same slots switched by Outrider and by what else there is, in turns. */
async function peers({ peerSlots, peerRounds }: FleetPlan): Promise<string> {
  await using fleet = await Fleet.start({
    racks: { a: { prefix: "a", slots: peerSlots, tcp: true } },
  });
  const { listen } = fleet.rack("a");
  const rackUrl = `http://${listen}`;
  await using stack = new AsyncDisposableStack();
  const others: PowerPeer[] = [];
  for (const start of [startPowerman, startPduDaemon]) {
    const peer = await start(rackUrl, peerSlots);
    if (peer) others.push(stack.use(peer));
  }
  const ours: PowerPeer = {
    name: "Outrider",
    all: async (on) => {
      const asked = { action: on ? "On" : "ForceOff", nodes: `a[1-${peerSlots}]` };
      const { id } = await begin(fleet.rest, asked);
      const end = await ended(fleet.rest, id);
      if (end.counts.succeeded !== peerSlots) throw new Error(JSON.stringify(end.counts));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const times = new Map<string, { said: number[]; edge: number[] }>();
  for (let round = -1; round < peerRounds; round++) {
    for (const peer of [ours, ...others]) {
      const found = times.get(peer.name) ?? { said: [], edge: [] };
      times.set(peer.name, found);
      for (const on of [true, false]) {
        const since = await fleet.mark("a");
        const startMs = hostMs();
        await peer.all(on);
        const saidMs = hostMs() - startMs;
        const edges = await allEdges(fleet, since, peerSlots);
        if (round < 0) continue;
        found.said.push(saidMs);
        found.edge.push(Math.max(...edges.map(({ monotonicMs }) => monotonicMs)) - startMs);
      }
    }
  }
  const own = median(times.get("Outrider")?.edge ?? []);
  const rows = [...times].map(([name, { said, edge }]) => [
    name,
    figure(median(edge)),
    figure(median(edge) / own),
    figure(median(said)),
    name === "Outrider"
      ? "journalled, audited, read back"
      : name === "powerman"
        ? "read back"
        : "not read back",
  ]);
  const missing = ["powerman", "PDUDaemon"].filter((name) => !times.has(name));
  const head = ["program", "last edge ms", "ratio", "says done ms", "what “done” means"];
  const note = missing.length > 0 ? `\n\nNot installed here: ${missing.join(", ")}.` : "";
  return `${peerSlots} supplies of one simulated rack, all on or all off by one request, in turns:\n\n${table(head, rows)}${note}`;
}

/** What one process with everything in it holds in memory, by the number of its nodes. */
export function residentMib(pid: number): number {
  return residentKib(pid) / 1024;
}
