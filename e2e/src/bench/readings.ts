import { setTimeout as delay } from "node:timers/promises";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually } from "@outrider/testing/eventually";
import { startOutriderBroker, type OutriderBroker } from "@outrider/testing/outrider-broker";
import { tempDir } from "@outrider/testing/temp-dir";
import {
  hasInflux,
  startInflux,
  type TestDatabase,
} from "@outrider/telemetry-service/store/testing/databases";
import { cpuMs, residentKib } from "./machine.js";
import { figure, table } from "./markdown.js";
import { declareSite, NODES_PER_AGENT, ReadingAgent, VALUES_PER_NODE } from "./reading-agents.js";
import { median, spread } from "./statistics.js";

export interface ReadingsPlan {
  readonly rounds: number;
  readonly agents: number;
  /** How long each is sent to as fast as it takes it. */
  readonly floodMs: number;
  /** How long readings come at their rate, every node once in {@link EVERY_MS}. */
  readonly pacedMs: number;
}

const EVERY_MS = 10_000;
/** Between two looks whether the database shows a reading. */
const LOOK_MS = 5;
const TELEMETRY = import.meta.resolve("@outrider/telemetry-service/main");
const FLOOR = new URL("./reading-floor-main.js", import.meta.url);

/** What brings readings from the broker into a database of InfluxDB. */
interface Bringer extends AsyncDisposable {
  readonly name: string;
  readonly child: Child;
  /** Database and retention policy that it writes to. */
  readonly into: string;
}

interface Stage {
  readonly influx: TestDatabase;
  readonly agents: readonly ReadingAgent[];
}

/** The telemetry service and the least that could do the same, in turns, on the same broker and the same InfluxDB. */
export async function measureReadings(plan: ReadingsPlan): Promise<string> {
  if (!hasInflux()) throw new Error("InfluxDB is not installed: apt-get install influxdb");
  const rates = new Map<string, number[]>();
  const paced: string[][] = [];
  for (let round = 0; round < plan.rounds; round++) {
    for (const start of [startFloor, startTelemetry]) {
      await using stack = new AsyncDisposableStack();
      const broker = stack.use(await startOutriderBroker());
      const folder = stack.use(await tempDir("influx-"));
      const influx = stack.use(await startInflux(folder.path));
      const inventory = await declareSite(broker, plan.agents);
      stack.defer(() => inventory.stop());
      const bringer = stack.use(await start(broker, influx));
      const emptyKib = residentKib(bringer.child.pid);
      const agents: ReadingAgent[] = [];
      for (let agent = 0; agent < plan.agents; agent++) {
        const one = await ReadingAgent.connect(broker, agent);
        stack.defer(() => one.end());
        agents.push(one);
      }
      const stage = { influx, agents };
      const rate = await flood(stage, bringer, plan.floodMs);
      rates.set(bringer.name, [...(rates.get(bringer.name) ?? []), rate]);
      if (round > 0) continue;
      const { cores, delays } = await pace(stage, bringer, plan.pacedMs);
      const { p50, p99 } = spread(delays);
      const nodes = plan.agents * NODES_PER_AGENT;
      paced.push([
        bringer.name,
        figure(cores),
        figure(p50),
        figure(p99),
        figure((residentKib(bringer.child.pid) - emptyKib) / 1024 / (nodes / 1000)),
      ]);
    }
  }
  const nodes = plan.agents * NODES_PER_AGENT;
  const floor = median(rates.get("the least") ?? []);
  return [
    `Readings of ${nodes.toLocaleString("en-US")} nodes with ${VALUES_PER_NODE} each, in batches of ${plan.agents} agents over the broker into InfluxDB 1.x, until the last is in the database (median of ${plan.rounds} rounds; "the least" is a program that parses, writes and acknowledges and does nothing else; the aim is 50,000 a second):`,
    table(
      ["brought by", "readings/s", "of the least"],
      [...rates].map(([name, all]) => [name, figure(median(all)), figure(median(all) / floor)]),
    ),
    `The same nodes, each read every ${EVERY_MS / 1000} s, ${figure((nodes * VALUES_PER_NODE * 1000) / EVERY_MS)} readings a second (the aim is half a core); delay from the sending of a reading until a query of the database shows it; memory beyond that without nodes:`,
    table(["brought by", "cores", "delay p50 ms", "p99 ms", "MiB per 1,000 nodes"], paced),
  ].join("\n\n");
}

/** @returns values per second, up to the last that the database has */
async function flood(
  { influx, agents }: Stage,
  { into }: Bringer,
  spanMs: number,
): Promise<number> {
  const startMs = performance.now();
  await Promise.all(agents.map((agent) => agent.flood(startMs + spanMs)));
  const batches = agents.reduce((sum, { sent }) => sum + sent, 0);
  const samples = batches * NODES_PER_AGENT;
  await eventually(
    "the database has all readings",
    async () => {
      const there = await asked(influx, `SELECT count("voltageVolts") FROM ${into}."node_sensor"`);
      if (there !== samples) throw new Error(`${there} of ${samples} are in the database`);
      return true;
    },
    { withinMs: 120_000, everyMs: 50 },
  );
  return (samples * VALUES_PER_NODE * 1000) / (performance.now() - startMs);
}

async function pace(
  { influx, agents }: Stage,
  { child, into }: Bringer,
  spanMs: number,
): Promise<{ readonly cores: number; readonly delays: readonly number[] }> {
  const startMs = performance.now();
  const startCpuMs = cpuMs(child.pid);
  const delays: number[] = [];
  await Promise.all(
    agents.map(async (agent, index) => {
      for (let turn = 0; ; turn++) {
        const dueMs = startMs + EVERY_MS * (turn + index / agents.length);
        if (dueMs >= startMs + spanMs) return;
        await delay(Math.max(0, dueMs - performance.now()));
        const sentMs = performance.now();
        const { lastNode, atMs } = agent.send();
        const query = `SELECT count("voltageVolts") FROM ${into}."node_sensor" WHERE "node" = '${lastNode}' AND time >= ${atMs}ms`;
        while ((await asked(influx, query)) === 0) await delay(LOOK_MS);
        delays.push(performance.now() - sentMs);
      }
    }),
  );
  await Promise.all(agents.map((agent) => agent.allStored()));
  return { cores: (cpuMs(child.pid) - startCpuMs) / (performance.now() - startMs), delays };
}

/** The one number that a query gives; 0 for none. */
async function asked({ url }: TestDatabase, query: string): Promise<number> {
  const reply = await fetch(`${url}/query?q=${encodeURIComponent(query)}`);
  const { results } = (await reply.json()) as {
    readonly results?: readonly [
      { readonly series?: readonly [{ readonly values: readonly [readonly [unknown, number]] }] },
    ];
  };
  return results?.[0].series?.[0].values[0][1] ?? 0;
}

async function startTelemetry(broker: OutriderBroker, influx: TestDatabase): Promise<Bringer> {
  await broker.identity("service", "telemetry");
  const child = await startNode(TELEMETRY, {
    env: {
      OUTRIDER_DATA: broker.data,
      OUTRIDER_MQTT_URL: broker.url,
      OUTRIDER_INFLUX_URL: `${influx.url}/outrider`,
    },
  });
  return bringing("the telemetry service", child, '"outrider"."raw"');
}

async function startFloor(broker: OutriderBroker, influx: TestDatabase): Promise<Bringer> {
  const { username, password } = await broker.identity("service", "telemetry");
  await fetch(`${influx.url}/query?q=CREATE+DATABASE+least`, { method: "POST" });
  const args = [broker.url, username, password, `${influx.url}/write?db=least`];
  return bringing("the least", await startNode(FLOOR, { args }), '"least"."autogen"');
}

function bringing(name: string, child: Child, into: string): Bringer {
  return { name, child, into, [Symbol.asyncDispose]: () => child.kill("SIGTERM") };
}
