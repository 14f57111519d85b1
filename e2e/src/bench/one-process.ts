import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { nodeStatus } from "@outrider/contracts/node";
import { Session } from "@outrider/messaging/session";
import { startRack } from "@outrider/simulators/spawn";
import { eventually } from "@outrider/testing/eventually";
import { tempDir } from "@outrider/testing/temp-dir";
import { Part } from "../part.js";
import { cpuMs, hostMs, residentKib } from "./machine.js";
import { figure, table } from "./markdown.js";
import { median } from "./statistics.js";

export interface SizePlan {
  /** Multiples of {@link NODES_OF_AGENT}, the first of them the one that others are compared with. */
  readonly nodes: readonly number[];
  /** Between the moment in which all nodes are managed and the first look. */
  readonly settleMs: number;
  readonly looks: number;
}

const NODES_OF_AGENT = 1000;
const LOOK_EVERY_MS = 2000;
const SAMPLING_S = 30;
const MANAGED_WITHIN_MS = 180_000;

interface Size {
  readonly nodes: number;
  readonly managedMs: number;
  readonly peakKib: number;
  readonly residentKib: number;
  /** Of one core. */
  readonly cpuShare: number;
}

/** What one process with everything in it holds in memory, by the number of its nodes. */
export async function measureSize(plan: SizePlan): Promise<string> {
  const sizes: Size[] = [];
  for (const nodes of plan.nodes) sizes.push(await sizeWith(nodes, plan));
  const [first] = sizes;
  const rows = sizes.map((size) => {
    const more = size.nodes - (first?.nodes ?? 0);
    const kib = size.residentKib - (first?.residentKib ?? 0);
    return [
      size.nodes.toLocaleString("en-US"),
      figure(size.managedMs / 1000),
      `**${figure(size.residentKib / 1024)}**`,
      figure(size.peakKib / 1024),
      figure(size.residentKib / size.nodes),
      more > 0 ? figure(kib / more) : "",
      figure(size.cpuShare * 100),
    ];
  });
  const head = [
    "nodes",
    "all managed after s",
    "resident MiB",
    "at most MiB",
    "KiB/node",
    "KiB for each more",
    "idle, % of a core",
  ];
  return [
    `Broker, inventory, power, gateway and agents of ${NODES_OF_AGENT} nodes each in one process; machines in processes of their own; every supply is read every ${SAMPLING_S} s (the aim is less than 1,024 MiB at 10,000):`,
    table(head, rows),
  ].join("\n\n");
}

async function sizeWith(nodes: number, { settleMs, looks }: SizePlan): Promise<Size> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempDir("size-"));
  const data = join(folder.path, "data");
  await mkdir(data);
  const agents = Array.from({ length: nodes / NODES_OF_AGENT }, (_, at) => `g${at + 1}`);
  const racks = await Promise.all(
    agents.map(async (agent) => {
      const rack = await startRack({ dir: join(folder.path, agent), slots: NODES_OF_AGENT });
      return stack.use(rack).listen;
    }),
  );
  const siteFile = join(folder.path, "site.yaml");
  await writeFile(siteFile, siteText(agents, racks));
  const part = stack.use(
    new Part("all-in-one", import.meta.resolve("@outrider/all-in-one/main"), () => ({
      OUTRIDER_DATA: data,
      OUTRIDER_SITE: siteFile,
      OUTRIDER_AGENTS: agents.join(","),
      OUTRIDER_LOG_LEVEL: "warn",
      OUTRIDER_MQTT_PORT: "0",
      OUTRIDER_SSH_PORT: "0",
      OUTRIDER_CONSOLE_LINK_PORT: "0",
      OUTRIDER_HTTP_PORT: "0",
    })),
  );
  const startMs = hostMs();
  await part.start();
  try {
    await managed(String(part.ready["url"]), data, nodes);
  } catch (error) {
    throw new Error(`not all nodes could be managed\n${part.lastWords()}`, { cause: error });
  }
  const managedMs = hostMs() - startMs;
  await delay(settleMs);
  const beforeMs = { cpu: cpuMs(part.pid), host: hostMs() };
  const kib: number[] = [];
  for (let look = 0; look < looks; look++) {
    await delay(LOOK_EVERY_MS);
    kib.push(residentKib(part.pid));
  }
  const cpuShare = (cpuMs(part.pid) - beforeMs.cpu) / (hostMs() - beforeMs.host);
  return { nodes, managedMs, peakKib: await peakKib(part.pid), residentKib: median(kib), cpuShare };
}

/** Resolves when every node of the site can be managed, as a client sees it, who leaves then. */
async function managed(url: string, data: string, nodes: number): Promise<void> {
  const secret = await readFile(join(data, "secrets", "person-operator"), "utf8");
  const session = new Session({
    url,
    clientId: "size-ears",
    username: "operator",
    password: secret.trim(),
  });
  const found = new Set<string>();
  session.subscribe(nodeStatus, {}, ({ payload, parameters: { node } }) => {
    if (payload.management === "Available") found.add(node);
    else found.delete(node);
  });
  session.start();
  try {
    await eventually(
      "every node can be managed",
      () => {
        if (found.size < nodes) throw new Error(`${found.size} of ${nodes}`);
        return true;
      },
      { withinMs: MANAGED_WITHIN_MS, everyMs: 100 },
    );
  } finally {
    await session.stop();
  }
}

async function peakKib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
}

function siteText(agents: readonly string[], sockets: readonly string[]): string {
  const nodes = agents.flatMap((agent, place) =>
    Array.from({ length: NODES_OF_AGENT }, (_, at) => {
      const options = { socket: sockets[place], slot: at + 1 };
      const node = { sampling: `${SAMPLING_S}s`, power: { agent, driver: "simulated", options } };
      return [`${agent}n${at + 1}`, node] as const;
    }),
  );
  const site = {
    site: "size",
    agents: Object.fromEntries(agents.map((agent) => [agent, {}])),
    nodes: Object.fromEntries(nodes),
  };
  // JSON is YAML.
  return `${JSON.stringify(site, undefined, 1)}\n`;
}
