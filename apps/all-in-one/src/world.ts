import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { EnvironmentError } from "@outrider/contracts/environment";
import { agentId, type AgentId, type NodeId } from "@outrider/contracts/ids";
import { ownPorts } from "@outrider/inventory-service/own-ports";
import { loadSite } from "@outrider/inventory-service/start";
import type { Site } from "@outrider/inventory-service/site";
import type { BannerFacts } from "./banner.js";
import { demoDirectory, type Config } from "./config.js";
import { openDemoMachines, type DemoMachines } from "./demo-machines.js";
import { DEMO_AGENT, DEMO_VIRTUAL_MACHINE, demoSite } from "./demo-site.js";

/** What there is to manage: a site, the agents of it that run here, and the demonstration's machines. */
export interface World {
  readonly siteFile: string;
  readonly site: Site;
  readonly agents: readonly AgentId[];
  readonly machines: DemoMachines | undefined;
  /** Whether this is the demonstration, and no site of somebody's own that is wired to its machines. */
  readonly isDemo: boolean;
}

/**
 * Reads the site, or makes the demonstration. Its machines run also for a site that is wired to them.
 * @throws SiteFileError, or EnvironmentError when OUTRIDER_AGENTS names an agent that the site does not declare
 */
export async function openWorld(config: Config): Promise<World> {
  await mkdir(config.dataDirectory, { recursive: true, mode: 0o700 });
  if (config.siteFile === undefined) return openDemo(config);
  const site = await loadSite(config.siteFile, portsOf(config));
  const strange = config.agents.filter((agent) => !site.agents.includes(agent));
  if (strange.length > 0) {
    throw new EnvironmentError([
      `OUTRIDER_AGENTS=${strange.join(",")}; expected some of ${site.agents.join(", ")}, which ${site.file} declares`,
    ]);
  }
  const { siteFile, agents } = config;
  const machines = isWiredToDemo(site, config) ? await demoMachines(config) : undefined;
  return { siteFile, site, agents, machines, isDemo: false };
}

/** Whether agents that run here drive machines of the demonstration, as a copy of its site file has them. */
function isWiredToDemo(site: Site, config: Config): boolean {
  const machines = resolve(demoDirectory(config)) + sep;
  return site.nodes.some(({ endpoints }) =>
    endpoints.some(
      ({ agent, options }) =>
        config.agents.includes(agent) &&
        [options["socket"], options["directory"]].some(
          (path) => typeof path === "string" && resolve(path).startsWith(machines),
        ),
    ),
  );
}

function demoMachines(config: Config): Promise<DemoMachines> {
  return openDemoMachines(demoDirectory(config), {
    keep: config.keepDemo,
    virtualMachine: config.demoVirtualMachine,
  });
}

/** What this deployment listens on, so that no console is declared on it. */
function portsOf({
  httpPort,
  mqttPort,
  sshPort,
  consoleLinkPort,
}: Config): ReadonlyMap<number, string> {
  return ownPorts({
    OUTRIDER_HTTP_PORT: String(httpPort),
    OUTRIDER_MQTT_PORT: String(mqttPort),
    OUTRIDER_SSH_PORT: String(sshPort),
    OUTRIDER_CONSOLE_LINK_PORT: String(consoleLinkPort),
  });
}

async function openDemo(config: Config): Promise<World> {
  const directory = demoDirectory(config);
  const machines = await demoMachines(config);
  try {
    const siteFile = join(directory, "site.yaml");
    await writeFile(siteFile, demoSite(machines));
    const site = await loadSite(siteFile);
    return { siteFile, site, agents: [agentId(DEMO_AGENT)], machines, isDemo: true };
  } catch (error) {
    await machines.close();
    throw error;
  }
}

/** What the banner says of the demonstration; undefined for a site of one's own. */
export function demoOf({ machines, isDemo }: World): BannerFacts["demo"] {
  if (!isDemo || !machines) return undefined;
  const { found, chassis } = machines;
  return { found, virtualMachine: chassis === undefined ? undefined : DEMO_VIRTUAL_MACHINE };
}

/** The nodes whose supply is driven by an agent that runs here. */
export function nodesDrivenHere({ site, agents }: World): NodeId[] {
  return site.nodes
    .filter(({ endpoints }) =>
      endpoints.some(({ kind, agent }) => kind === "power" && agents.includes(agent)),
    )
    .map(({ id }) => id);
}
