import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EnvironmentError } from "@outrider/contracts/environment";
import { agentId, type AgentId, type NodeId } from "@outrider/contracts/ids";
import { ownPorts } from "@outrider/inventory-service/own-ports";
import { loadSite } from "@outrider/inventory-service/start";
import type { Site } from "@outrider/inventory-service/site";
import { demoDirectory, type Config } from "./config.js";
import { openDemoMachines, type DemoMachines } from "./demo-machines.js";
import { DEMO_AGENT, demoSite } from "./demo-site.js";

/** What there is to manage: a site, the agents of it that run here, and the demonstration's machines. */
export interface World {
  readonly siteFile: string;
  readonly site: Site;
  readonly agents: readonly AgentId[];
  readonly demo: DemoMachines | undefined;
}

/**
 * Reads the site, or makes the demonstration.
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
  return { siteFile: config.siteFile, site, agents: config.agents, demo: undefined };
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
  const demo = await openDemoMachines(directory, {
    keep: config.keepDemo,
    virtualMachine: config.demoVirtualMachine,
  });
  try {
    const siteFile = join(directory, "site.yaml");
    await writeFile(siteFile, demoSite(demo));
    return { siteFile, site: await loadSite(siteFile), agents: [agentId(DEMO_AGENT)], demo };
  } catch (error) {
    await demo.close();
    throw error;
  }
}

/** The nodes whose supply is driven by an agent that runs here. */
export function nodesDrivenHere({ site, agents }: World): NodeId[] {
  return site.nodes
    .filter(({ endpoints }) =>
      endpoints.some(({ kind, agent }) => kind === "power" && agents.includes(agent)),
    )
    .map(({ id }) => id);
}
