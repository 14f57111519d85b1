import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startRack, type Simulator } from "@outrider/simulators/spawn";
import { startTestBroker } from "@outrider/testing/broker";
import { startNode, type Child } from "@outrider/testing/child";
import { eventually } from "@outrider/testing/eventually";
import { tempDir } from "@outrider/testing/temp-dir";

export interface LabOptions {
  /** Nodes n1 … in slots of a simulated rack. Default 4. */
  readonly nodes?: number;
  /** Further nodes, which are wired to nothing. */
  readonly bare?: readonly string[];
  /** Further agents, which are declared and never start. */
  readonly agents?: readonly string[];
  /** What else stands at the end of the site file. */
  readonly site?: string;
  /** Each node in the rack has its console, and there is a console service. */
  readonly consoles?: boolean;
  /** Each node in the rack has a sensor `supply` and a heartbeat `slot`. */
  readonly sensors?: boolean;
  /** Nobody is let in without credentials. Default: whoever is on this machine is an operator. */
  readonly closed?: boolean;
}

/** Broker, inventory, power, telemetry, one agent, a rack and the gateway, each a process of its own. */
export interface Lab extends AsyncDisposable {
  readonly url: string;
  readonly rack: Simulator;
  readonly data: string;
  readonly siteFile: string;
  /** That of its processes, for those that a test starts again. */
  readonly env: Readonly<Record<string, string>>;
  readonly gateway: Child;
  readonly power: Child;
  readonly agent: Child;
  /** The console service, where it was asked for. */
  readonly console: Child | undefined;
  readonly telemetry: Child;
  /** Asks the API. */
  readonly ask: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Response>;
}

export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const { nodes = 4 } = options;
  const stack = new AsyncDisposableStack();
  try {
    const folder = stack.use(await tempDir("gw-"));
    const data = join(folder.path, "data");
    const siteFile = join(folder.path, "site.yaml");
    await mkdir(data);
    const [broker, rack] = await Promise.all([
      startTestBroker(),
      startRack({ dir: join(folder.path, "rack"), slots: nodes, bootMs: 100 }),
    ]);
    stack.use(broker);
    stack.use(rack);
    await writeFile(siteFile, siteText(nodes, options, rack.listen) + (options.site ?? ""));
    const env = {
      OUTRIDER_MQTT_URL: broker.url,
      OUTRIDER_DATA: data,
      OUTRIDER_SITE: siteFile,
      OUTRIDER_AGENT: "lab",
      OUTRIDER_HTTP_PORT: "0",
      ...(options.closed ? {} : { OUTRIDER_DEMO: "yes" }),
    };
    const consoleEnv = options.consoles ? await prepareConsoles(data) : {};
    // Far above what is expected, because the machine may be busy.
    const started = { env, readyWithinMs: 60_000 };
    const console = options.consoles
      ? stack.use(
          await startNode(import.meta.resolve("@outrider/console-service/main"), {
            ...started,
            env: { ...env, ...consoleEnv },
          }),
        )
      : undefined;
    const link = console
      ? { OUTRIDER_CONSOLE_LINK_URL: `tcp://127.0.0.1:${String(console.ready["linkPort"])}` }
      : {};
    const [power, , telemetry, agent, gateway] = await Promise.all(
      [
        startNode(import.meta.resolve("@outrider/power-service/main"), started),
        startNode(import.meta.resolve("@outrider/inventory-service/main"), started),
        startNode(import.meta.resolve("@outrider/telemetry-service/main"), started),
        startNode(import.meta.resolve("@outrider/agent/main"), {
          ...started,
          env: { ...env, ...link },
        }),
        startNode(new URL("../main.js", import.meta.url), started),
      ].map(async (starting) => stack.use(await starting)) as [
        Promise<Child>,
        Promise<Child>,
        Promise<Child>,
        Promise<Child>,
        Promise<Child>,
      ],
    );
    const url = String(gateway.ready["url"]);
    const ask: Lab["ask"] = (method, path, body, headers = {}) =>
      fetch(`${url}/api/v1${path}`, {
        method,
        headers: {
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    if (!options.closed) {
      await eventually(
        "every node can be managed",
        async () => {
          const reply = await ask("GET", "/nodes?management=Available&limit=1000");
          const { nodes: seen = [] } = (await reply.json()) as {
            nodes?: { supply: { value: string } }[];
          };
          return seen.length === nodes && seen.every(({ supply }) => supply.value !== "Unknown");
        },
        { withinMs: 60_000 },
      );
    }
    return {
      url,
      rack,
      data,
      siteFile,
      env,
      gateway,
      power,
      agent,
      console,
      telemetry,
      ask,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** The link asks who an agent is, also where the broker does not. */
async function prepareConsoles(data: string): Promise<Record<string, string>> {
  const adding = await startNode(import.meta.resolve("@outrider/broker/credentials-main"), {
    args: ["add", "agent", "lab"],
    env: { OUTRIDER_DATA: data },
    ready: "none",
  });
  const { code } = await adding.exited;
  if (code !== 0) throw new Error(`the agent has no credential: ${adding.stderr()}`);
  return { OUTRIDER_CONSOLE_LINK_PORT: "0", OUTRIDER_SSH_PORT: "0" };
}

function siteText(
  nodes: number,
  {
    bare = [],
    agents = [],
    consoles,
    sensors,
  }: Pick<LabOptions, "bare" | "agents" | "consoles" | "sensors">,
  socket: string,
): string {
  const lines = Array.from({ length: nodes }, (_, index) => {
    const slot = index + 1;
    const role = slot <= 2 ? "storage" : "compute";
    const wire = `{ agent: lab, driver: simulated, options: { socket: ${JSON.stringify(socket)}, slot: ${slot} } }`;
    const more = [
      consoles ? `, console: ${wire}` : "",
      sensors ? `, sensor: { supply: ${wire} }, heartbeat: { slot: ${wire} }` : "",
    ].join("");
    return `  n${slot}: { name: "Node <b>${slot}</b>", roles: [${role}], labels: { rack: a, slot: "${slot}" }, dwell: 200ms, sampling: 300ms, gracefulLimit: 5s, wake: button, power: ${wire}${more} }`;
  });
  return [
    "site: lab",
    `agents: { ${["lab", ...agents].map((id) => `${id}: {}`).join(", ")} }`,
    "nodes:",
    ...lines,
    ...bare.map((id) => `  ${id}: {}`),
    "",
  ].join("\n");
}
