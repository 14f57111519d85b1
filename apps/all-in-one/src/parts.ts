import { readAgentConfig } from "@outrider/agent/config";
import { startAgent } from "@outrider/agent/agent";
import { startBroker, type RunningBroker } from "@outrider/broker/broker";
import { openCredentials } from "@outrider/identity/credential-store";
import { addCredentials, secretPath } from "@outrider/identity/credentials";
import { readConsoleConfig } from "@outrider/console-service/config";
import { startConsoleService } from "@outrider/console-service/start";
import type { AgentId } from "@outrider/contracts/ids";
import { readGatewayConfig } from "@outrider/gateway-service/config";
import { startGateway } from "@outrider/gateway-service/start";
import { readHomeAssistantConfig } from "@outrider/home-assistant-service/config";
import { startHomeAssistantService } from "@outrider/home-assistant-service/start";
import { readInventoryConfig } from "@outrider/inventory-service/config";
import { startInventory, type RunningInventory } from "@outrider/inventory-service/start";
import type { Log } from "@outrider/messaging/log";
import { readPowerConfig } from "@outrider/power-service/config";
import { startPowerService } from "@outrider/power-service/start";
import { readTelemetryConfig } from "@outrider/telemetry-service/config";
import { startTelemetryService } from "@outrider/telemetry-service/start";
import type { Config } from "./config.js";
import { brokerUrl, linkUrl } from "./door.js";
import type { World } from "./world.js";

/** Where SSH is taken, and whose host key it is. */
export interface SshDoor {
  readonly host: string;
  readonly port: number;
  /** `SHA256:…` */
  readonly fingerprint: string;
}

/** What the parts are given in common. */
export interface PartsContext {
  readonly config: Config;
  readonly world: World;
  readonly logOf: (part: string) => Log;
  /** Called on a defect, after which the process cannot be trusted and should end. */
  readonly defect: (error: unknown) => void;
}

export interface Parts {
  /** Port of our broker; 0 where the broker is somebody else's. */
  readonly port: number;
  /** Where people find the web page and the REST interface. */
  readonly webUrl: string;
  /** The administrator that was made just now, and the file with the one-time password. */
  readonly administrator: { readonly name: string; readonly passwordFile: string } | undefined;
  /** Where people reach consoles by SSH; undefined while nothing can listen there. */
  readonly ssh: SshDoor | undefined;
  readonly newAgents: readonly { readonly agent: AgentId; readonly secretFile: string }[];
  readonly inventory: RunningInventory;
  /** Agents first, the broker last, so that everybody can say that they leave. */
  stop(): Promise<void>;
}

/**
 * Starts broker, inventory, power, console, gateway and agents in this process. Each is configured as it would be in a process of its
 * own, and they meet on the broker only.
 * @throws what the first part that fails throws; those that had started are stopped
 */
export async function startParts(context: PartsContext): Promise<Parts> {
  const { config, world, logOf, defect } = context;
  const started: { stop(): Promise<void> }[] = [];
  const agents: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    // At once, because each may wait for what it is doing.
    await Promise.all(agents.splice(0).map((agent) => agent.stop()));
    for (const part of started.splice(0).toReversed()) await part.stop();
  };
  try {
    const broker = await startOwnBroker(context);
    if (broker) started.push({ stop: () => broker.close() });
    // Also where the broker is somebody else's: the console link asks for the same secrets.
    const newAgents = await addAgents(config, world);
    const environment = partEnvironment(config, world, broker?.port ?? 0);
    const inventory = await startInventory(readInventoryConfig(environment), {
      log: logOf("inventory"),
    });
    started.push(inventory);
    started.push(
      await startPowerService(readPowerConfig(environment), { log: logOf("power"), defect }),
    );
    started.push(
      await startTelemetryService(readTelemetryConfig(telemetryEnvironment(config, environment)), {
        log: logOf("telemetry"),
        defect,
      }),
    );
    if (config.homeAssistant) {
      const bridge = readHomeAssistantConfig({ ...environment, ...config.homeAssistant });
      const log = logOf("home-assistant");
      started.push(await startHomeAssistantService(bridge, { log, defect }));
    }
    const gateway = await startGateway(readGatewayConfig(environment), {
      log: logOf("gateway"),
      defect,
      // Never with a site of one's own.
      ...(config.siteFile === undefined ? { anonymous: "loopback-operator" as const } : {}),
    });
    started.push(gateway);
    // Never with a site of one's own.
    const demo = config.siteFile === undefined ? { OUTRIDER_DEMO: "yes" } : {};
    const consoles = await startConsoleService(readConsoleConfig({ ...environment, ...demo }), {
      log: logOf("console"),
      defect,
    });
    started.push(consoles);
    const link = agentEnvironment(config, consoles.linkPort);
    for (const agent of world.agents) {
      const own = readAgentConfig({ ...environment, ...link, OUTRIDER_AGENT: agent });
      agents.push(await startAgent(own, { log: logOf(`agent-${agent}`), defect }));
    }
    return {
      port: broker?.port ?? 0,
      webUrl: gateway.url,
      administrator: gateway.firstAdministrator,
      ssh: consoles.ssh,
      newAgents,
      inventory,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The environment of every part but the broker. */
export function partEnvironment(
  config: Config,
  world: Pick<World, "siteFile">,
  port: number,
): Record<string, string> {
  return {
    OUTRIDER_MQTT_URL: config.externalBroker ?? brokerUrl(config.bind, port),
    OUTRIDER_DATA: config.dataDirectory,
    OUTRIDER_SITE: world.siteFile,
    OUTRIDER_BIND: config.bind,
    OUTRIDER_HTTP_PORT: String(config.httpPort),
    OUTRIDER_MQTT_PORT: String(config.mqttPort),
    // Asked for already, where it is needed.
    OUTRIDER_HTTP_PLAINTEXT: "yes",
    OUTRIDER_SSH_PORT: String(config.sshPort),
    OUTRIDER_CONSOLE_LINK_PORT: String(config.consoleLinkPort),
    ...config.consoles,
    ...config.measured,
    ...given("OUTRIDER_HTTP_HOSTS", config.httpHosts),
    ...given("OUTRIDER_DATABASE_URL", config.databaseUrl),
    ...given("OUTRIDER_WEBHOOK_ALLOW", config.webhookAllow),
    ...given("OUTRIDER_HOOK_DIR", config.hookDirectory),
    ...given("OUTRIDER_INFLUX_URL", config.influxUrl),
  };
}

/** What the telemetry service needs beside that: the secrets of the ways in which people are told of alarms. */
export function telemetryEnvironment(
  config: Config,
  environment: Readonly<Record<string, string>>,
): Record<string, string> {
  return { ...environment, ...config.secrets };
}

/**
 * What an agent that runs here needs beside that: to reach the console service, and the secrets of its devices.
 * @param linkPort on which that listens
 */
export function agentEnvironment(
  config: Config,
  linkPort: number,
): Readonly<Record<string, string>> {
  if (config.consoles["OUTRIDER_CONSOLE_LINK_URL"] !== undefined) return config.secrets;
  const isEncrypted = config.consoles["OUTRIDER_CONSOLE_LINK_CERT_FILE"] !== undefined;
  return {
    ...config.secrets,
    OUTRIDER_CONSOLE_LINK_URL: linkUrl(isEncrypted ? "tls" : "tcp", config.bind, linkPort),
  };
}

function given(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}

async function startOwnBroker({ config, logOf }: PartsContext): Promise<RunningBroker | undefined> {
  if (config.externalBroker !== undefined) return undefined;
  const log = logOf("broker");
  return startBroker({
    host: config.bind,
    port: config.mqttPort,
    credentials: await openCredentials(config.dataDirectory, {
      log,
      databaseUrl: config.databaseUrl,
    }),
    // Never with a site of one's own.
    ...(config.siteFile === undefined ? { anonymous: "loopback-operator" } : {}),
    log,
  });
}

/**
 * Gives every agent of the site a credential.
 * @returns those that run elsewhere and got theirs just now
 */
export async function addAgents(config: Config, world: World): Promise<Parts["newAgents"]> {
  const { dataDirectory, databaseUrl } = config;
  const claims = world.site.agents.map((name) => ({ kind: "agent", name }) as const);
  const isNew = await addCredentials(dataDirectory, claims, databaseUrl);
  return claims
    .filter(({ name }, index) => isNew[index] === true && !world.agents.includes(name))
    .map((claim) => ({ agent: claim.name, secretFile: secretPath(dataDirectory, claim) }));
}
