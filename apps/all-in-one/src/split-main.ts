#!/usr/bin/env node
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AGENT_NODE_OPTIONS } from "@outrider/agent/node-options";
import { banner, sshOf } from "./banner.js";
import { readConfig, type Config } from "./config.js";
import { doorOf } from "./door.js";
import { awaitManaged } from "./managed.js";
import { AGENT_STOP_WITHIN, STOP_WITHIN } from "./part.js";
import {
  addAgents,
  agentEnvironment,
  partEnvironment,
  telemetryEnvironment,
  type SshDoor,
} from "./parts.js";
import { stopSignal } from "./stop-signal.js";
import { failureReport } from "./report.js";
import { Supervisor } from "./supervisor.js";
import { demoOf, nodesDrivenHere, openWorld } from "./world.js";

/**
 * The parts of the all-in-one as processes of their own, under one supervisor: when one of them ends, it says which and
 * starts it again, while the others go on. Restarting the supervisor is the business of whatever started it.
 */

const VERSION = "0.1.0";
const MANAGED_WITHIN_MS = 15_000;

const stopping = stopSignal();

async function run(): Promise<number> {
  const config = readConfig(process.env);
  const world = await openWorld(config);
  const supervisor = new Supervisor(
    (line) => process.stderr.write(`outrider: ${line}\n`),
    stopping,
  );
  process.on("SIGHUP", () => supervisor.signal("inventory", "SIGHUP"));
  try {
    let port = 0;
    let newAgents: Awaited<ReturnType<typeof addAgents>> = [];
    if (config.externalBroker === undefined) {
      let brokerPort = config.mqttPort;
      const ready = await supervisor.start({
        name: "broker",
        program: import.meta.resolve("@outrider/broker/main"),
        environment: () => ({
          OUTRIDER_BIND: config.bind,
          OUTRIDER_MQTT_PORT: String(brokerPort),
          OUTRIDER_DATA: config.dataDirectory,
          OUTRIDER_MQTT_PLAINTEXT: process.env["OUTRIDER_MQTT_PLAINTEXT"],
          // Set, nobody gets in without credentials; the demonstration's file is no site of one's own.
          OUTRIDER_SITE: config.siteFile,
        }),
        stopWithin: STOP_WITHIN,
      });
      port = Number(ready["port"]);
      // Started again, it must be where the others look for it, even where the port was left to the system.
      brokerPort = port;
    }
    // Also where the broker is somebody else's: the console link asks for the same secrets.
    newAgents = await addAgents(config, world);
    const environment = partEnvironment(config, world, port);
    let webUrl = "";
    let httpPort = config.httpPort;
    let { consoleLinkPort, sshPort } = config;
    let ssh: SshDoor | undefined;
    const consoles = supervisor
      .start({
        name: "console",
        program: import.meta.resolve("@outrider/console-service/main"),
        environment: again((standby) => ({
          ...environment,
          ...standby,
          OUTRIDER_CONSOLE_LINK_PORT: String(consoleLinkPort),
          OUTRIDER_SSH_PORT: String(sshPort),
          // The demonstration lets whoever is on this machine in; nobody else does.
          ...(config.siteFile === undefined ? { OUTRIDER_DEMO: "yes" } : {}),
        })),
        stopWithin: STOP_WITHIN,
      })
      .then((ready) => {
        ssh = ready["ssh"] as SshDoor | undefined;
        // Started again, it must be where agents and people have found it.
        consoleLinkPort = Number(ready["linkPort"]);
        sshPort = ssh?.port ?? sshPort;
      });
    // Nobody waits for consoles but for where they are: nodes are protected without.
    const linkKnown = consoleLinkPort === 0 ? consoles : Promise.resolve();
    await Promise.all([
      consoles,
      supervisor
        .start({
          name: "gateway",
          program: import.meta.resolve("@outrider/gateway-service/main"),
          environment: again((standby) => ({
            ...environment,
            ...standby,
            OUTRIDER_HTTP_PORT: String(httpPort),
            // The demonstration lets whoever is on this machine act; nobody else does.
            ...(config.siteFile === undefined ? { OUTRIDER_DEMO: "yes" } : {}),
          })),
          stopWithin: STOP_WITHIN,
        })
        .then((ready) => {
          webUrl = String(ready["url"]);
          // Started again, it must be where people have found it.
          httpPort = Number(new URL(webUrl).port || 80);
        }),
      supervisor.start({
        name: "inventory",
        program: import.meta.resolve("@outrider/inventory-service/main"),
        environment: again((standby) => ({ ...environment, ...standby })),
        stopWithin: STOP_WITHIN,
      }),
      supervisor.start({
        name: "power",
        program: import.meta.resolve("@outrider/power-service/main"),
        environment: again((standby) => ({ ...environment, ...standby })),
        stopWithin: STOP_WITHIN,
      }),
      supervisor.start({
        name: "telemetry",
        program: import.meta.resolve("@outrider/telemetry-service/main"),
        environment: again((standby) => ({
          ...telemetryEnvironment(config, environment),
          ...standby,
        })),
        stopWithin: STOP_WITHIN,
      }),
      ...(config.homeAssistant
        ? [
            supervisor.start({
              name: "home-assistant",
              program: import.meta.resolve("@outrider/home-assistant-service/main"),
              environment: again((standby) => ({
                ...environment,
                ...config.homeAssistant,
                ...standby,
              })),
              stopWithin: STOP_WITHIN,
            }),
          ]
        : []),
      ...world.agents.map(async (agent) => {
        await linkKnown;
        return supervisor.start({
          name: `agent-${agent}`,
          program: import.meta.resolve("@outrider/agent/main"),
          nodeOptions: AGENT_NODE_OPTIONS,
          environment: () => ({
            ...environment,
            ...agentEnvironment(config, consoleLinkPort),
            OUTRIDER_AGENT: agent,
          }),
          stopWithin: AGENT_STOP_WITHIN,
        });
      }),
    ]);
    const door = doorOf(config, port);
    const late = AbortSignal.any([supervisor.over, AbortSignal.timeout(MANAGED_WITHIN_MS)]);
    const notYet = await awaitManaged(door, nodesDrivenHere(world), late);
    process.stdout.write(
      banner({
        version: VERSION,
        site: world.site.name,
        door,
        webUrl,
        administrator: firstAdministrator(config),
        nodes: world.site.nodes.map(({ id }) => id),
        demo: demoOf(world),
        ssh: sshOf(ssh, world.site),
        notYet,
        newAgents,
      }),
    );
    if (!process.stdout.isTTY) {
      const ready = { ready: true, name: "split", pid: process.pid, url: door.url, webUrl };
      process.stdout.write(`${JSON.stringify({ ...ready, parts: supervisor.pids() })}\n`);
    }
    return await supervisor.ended();
  } catch (error) {
    // The end of a part, or a signal, has cut the start short; what there is to say has been said.
    if (supervisor.over.aborted) return await supervisor.ended();
    throw error;
  } finally {
    await supervisor.stop();
    await world.machines?.close();
  }
}

/** Whoever was made at the first start, as long as the file with the one-time password is there. */
function firstAdministrator({
  dataDirectory,
  siteFile,
}: Config): { name: string; passwordFile: string } | undefined {
  const passwordFile = join(dataDirectory, "secrets", "first-admin");
  return siteFile !== undefined && existsSync(passwordFile)
    ? { name: "admin", passwordFile }
    : undefined;
}

/**
 * The environment of a service, asked for at every start: from the second one on it stands by, because somebody else's
 * stand-by may have taken over meanwhile.
 */
function again(
  environment: (standby: Readonly<Record<string, string>>) => Record<string, string>,
): () => Record<string, string> {
  let starts = 0;
  return () => environment(starts++ === 0 ? {} : { OUTRIDER_STANDBY: "yes" });
}

process.exit(
  await run().catch((error: unknown) => {
    const report = failureReport(error);
    if (!report) throw error;
    for (const line of report.lines) process.stderr.write(`outrider: ${line}\n`);
    return report.exitCode;
  }),
);
