import { Fleet } from "../fleet/fleet.js";
import { begin, ended } from "../fleet/transitions.js";
import { markOf, switched } from "./edges.js";
import { hostMs } from "./machine.js";
import { figure, table } from "./markdown.js";
import { startPduDaemon, startPowerman, type PowerPeer } from "./power-peers.js";
import { median } from "./statistics.js";

export interface PeersPlan {
  readonly slots: number;
  readonly rounds: number;
}

/** What a program has seen when it says that it is done. */
const MEANING: Readonly<Record<string, string>> = {
  Outrider: "every supply read back; journalled and audited",
  powerman: "every supply read back",
  PDUDaemon: "the requests are in its queue",
};

/** The same slots switched by Outrider and by what else there is, in turns. */
export async function measurePeers({ slots, rounds }: PeersPlan): Promise<string> {
  await using fleet = await Fleet.start({ racks: { a: { prefix: "a", slots, tcp: true } } });
  const machines = fleet.rack("a");
  const rackUrl = `http://${machines.listen}`;
  await using stack = new AsyncDisposableStack();
  const programs: PowerPeer[] = [stack.use(outrider(fleet, slots))];
  for (const start of [startPowerman, startPduDaemon]) {
    const peer = await start(rackUrl, slots);
    if (peer) programs.push(stack.use(peer));
  }
  const times = programs.map(({ name }) => ({ name, edges: [] as number[], said: [] as number[] }));
  for (let round = -1; round < rounds; round++) {
    for (const [at, program] of programs.entries()) {
      for (const on of [true, false]) {
        const since = await markOf(machines);
        const startMs = hostMs();
        await program.all(on);
        const saidMs = hostMs() - startMs;
        const edges = await switched(machines, since, slots);
        if (round < 0) continue;
        times[at]?.edges.push(Math.max(...edges.map(({ monotonicMs }) => monotonicMs)) - startMs);
        times[at]?.said.push(saidMs);
        // What has been switched behind its back, Outrider reads until it believes it.
        await fleet.supplies(on ? "On" : "Off");
      }
    }
  }
  const own = median(times[0]?.edges ?? []);
  const rows = times.map(({ name, edges, said }) => [
    name,
    figure(median(edges)),
    figure(median(edges) / own),
    figure(median(said)),
    MEANING[name] ?? "",
  ]);
  const missing = Object.keys(MEANING).filter((name) => !times.some((one) => one.name === name));
  const head = ["program", "last edge ms", "ratio", "says done ms", "what done means"];
  const parts = [
    `${slots} supplies of one simulated rack, all on or all off by one request, in turns; Outrider's is a transition over REST:`,
    table(head, rows),
  ];
  if (missing.length > 0)
    parts.push(
      `Not installed here: ${missing.join(", ")} (\`apt-get install powerman pdudaemon curl\`).`,
    );
  return parts.join("\n\n");
}

function outrider(fleet: Fleet, slots: number): PowerPeer {
  return {
    name: "Outrider",
    all: async (on) => {
      const asked = { action: on ? "On" : "ForceOff", nodes: `a[1-${slots}]` };
      const { id } = await begin(fleet.rest, asked);
      const { counts } = await ended(fleet.rest, id);
      if (counts.succeeded !== slots) throw new Error(JSON.stringify(counts));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
