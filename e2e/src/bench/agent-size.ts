import { setTimeout as delay } from "node:timers/promises";
import type { ServiceCount } from "@outrider/agent/console/testing/counting-service";
import { nodeOf, Stage } from "@outrider/agent/testing/stage";
import type { DesiredEndpoint } from "@outrider/contracts/agent";
import { endpointId } from "@outrider/contracts/ids";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually } from "@outrider/testing/eventually";
import { Lines } from "../consoles/lines.js";
import { cpuMs, hostMs, residentKib } from "./machine.js";
import { figure, table } from "./markdown.js";

export interface AgentSizePlan {
  readonly nodes: number;
  /** Before the first look, once the agent is up and once everything is bound; and how long is looked then. */
  readonly settleMs: number;
  /** How long all consoles talk. */
  readonly spanMs: number;
}

/** What 1.5 Mbaud carries, with a start and a stop bit. */
const BYTES_PER_SECOND = 150_000;
const SAMPLE_EVERY_MS = 2000;
const LOOK_EVERY_MS = 250;
const LIMIT_MS = 120_000;
const INTERFACES_OF_NODE = 4;

/**
 * One agent's process with a supply, a sensor, a heartbeat and a console for each node: what it holds in memory when
 * nothing happens, and what it takes while every console talks without a pause to a service that keeps nothing.
 */
export async function measureAgentSize(plan: AgentSizePlan): Promise<string> {
  await using lines = await Lines.start(plan.nodes, () => ({ bytesPerSecond: BYTES_PER_SECOND }));
  await using service = await startNode(
    import.meta.resolve("@outrider/agent/console/testing/counting-service"),
  );
  await using stage = await Stage.start({ slots: plan.nodes, bootMs: 1 });
  const link = await stage.linkedTo({ port: Number(service.ready["port"]), secret: "any" });
  await stage.startAgent(link);
  await delay(plan.settleMs);
  const bare = await watch(stage.agent.pid, plan.settleMs);
  await stage.configureEndpoints(
    lines.paths.flatMap((path, line) => endpointsOf(stage, line + 1, path)),
  );
  const within = { withinMs: LIMIT_MS, everyMs: 100 };
  const wanted = plan.nodes * INTERFACES_OF_NODE;
  await eventually(
    "every interface is bound",
    () => stage.description?.endpoints.filter(({ state }) => state === "bound").length === wanted,
    within,
  );
  await eventually("every console is up", () => countOf(service)?.up === plan.nodes, within);
  for (let slot = 1; slot <= plan.nodes; slot++) await stage.rack.client.supply(slot, true);
  const { pid } = stage.agent;

  await delay(plan.settleMs);
  const idle = await watch(pid, plan.settleMs);
  await lines.sender.start();
  await delay(1000);
  const busy = await watch(pid, plan.spanMs);
  await lines.sender.stop();
  const reports = await eventually(
    "the lines have sent what was due",
    async () => {
      const all = await lines.sender.report();
      return all.every(({ waitingBytes }) => waitingBytes === 0) && all;
    },
    within,
  );
  const sum = (of: "sent" | "droppedBytes"): number =>
    reports.reduce((total, report) => total + report[of], 0);
  const sent = sum("sent");
  const dropped = sum("droppedBytes");
  const arrived = await eventually(
    "what was sent has arrived, or is known to be lost",
    () => {
      const count = countOf(service);
      return count !== undefined && count.bytes + (count.lostBytes ?? 0) >= sent && count;
    },
    within,
  );
  const wrong = arrived.bytes + (arrived.lostBytes ?? 0) - sent;
  if (wrong !== 0) throw new Error(`${wrong} bytes more arrived than were sent`);
  const rows = [
    [
      "without nodes",
      figure(bare.leastKib / 1024),
      figure(bare.mostKib / 1024),
      figure(bare.cores),
    ],
    [
      `${plan.nodes} nodes, consoles silent`,
      figure(idle.leastKib / 1024),
      figure(idle.mostKib / 1024),
      figure(idle.cores),
    ],
    [
      `all consoles talk, ${figure((BYTES_PER_SECOND * plan.nodes) / 1e6)} MB/s together`,
      figure(busy.leastKib / 1024),
      figure(busy.mostKib / 1024),
      figure(busy.cores),
    ],
  ];
  return [
    `One agent with ${plan.nodes} nodes, each with a supply, a sensor and a heartbeat read every ${SAMPLE_EVERY_MS / 1000} s, and a console on a pseudo terminal of its own whose far end sends ${BYTES_PER_SECOND.toLocaleString("en-US")} bytes/s by the clock (1.5 Mbaud). The console service takes what comes and keeps nothing. The process with all of its threads:`,
    table(["", "least resident MiB", "most resident MiB", "cores"], rows),
    `Due at the lines: ${figure((sent + dropped) / 1e6)} MB; ${percent(dropped, sent + dropped)} had no room at the line because the agent did not take it in time, ${percent(arrived.lostBytes ?? 0, sent + dropped)} was lost between agent and service, and all else arrived.`,
  ].join("\n\n");
}

function endpointsOf(stage: Stage, slot: number, path: string): DesiredEndpoint[] {
  const node = nodeOf(slot);
  const often = { sampleEveryMs: SAMPLE_EVERY_MS, staleAfterMs: 5 * SAMPLE_EVERY_MS };
  const power = { ...stage.desired(slot), ...often };
  return [
    power,
    { ...power, endpoint: endpointId(node, "sensor", "own"), port: "sensor" },
    { ...power, endpoint: endpointId(node, "heartbeat", "own"), port: "heartbeat" },
    { ...stage.consoleOf(node, "serial", { path }), ...often },
  ];
}

function countOf({ lines }: Child): ServiceCount | undefined {
  const count = JSON.parse(lines.at(-1) ?? "{}") as Partial<ServiceCount>;
  return count.bytes === undefined ? undefined : (count as ServiceCount);
}

async function watch(
  pid: number,
  spanMs: number,
): Promise<{ readonly leastKib: number; readonly mostKib: number; readonly cores: number }> {
  const startMs = hostMs();
  const startCpuMs = cpuMs(pid);
  const looks: number[] = [];
  do {
    looks.push(residentKib(pid));
    await delay(LOOK_EVERY_MS);
  } while (hostMs() - startMs < spanMs);
  const cores = (cpuMs(pid) - startCpuMs) / (hostMs() - startMs);
  return { leastKib: Math.min(...looks), mostKib: Math.max(...looks), cores };
}

function percent(part: number, whole: number): string {
  return `${figure(whole === 0 ? 0 : (100 * part) / whole)} %`;
}
