#!/usr/bin/env node
import type { Log } from "@outrider/messaging/log";
import { createLog } from "@outrider/service-kit/log";
import { banner, sshOf } from "./banner.js";
import { readConfig } from "./config.js";
import { doorOf } from "./door.js";
import { awaitManaged } from "./managed.js";
import { startParts } from "./parts.js";
import { stopSignal } from "./stop-signal.js";
import { EX_SOFTWARE, failureReport } from "./report.js";
import { demoOf, nodesDrivenHere, openWorld } from "./world.js";

const VERSION = "0.1.0";
const MANAGED_WITHIN_MS = 15_000;

/** At a terminal the banner is read by a person; what happens is told when asked for. */
const level = process.env["OUTRIDER_LOG_LEVEL"] ?? (process.stderr.isTTY ? "warn" : "info");
const logOf = (part: string): Log => createLog(part, level);
const log = logOf("all-in-one");

function defect(error: unknown): never {
  log.error({ err: error }, "a defect; the process ends so that nothing is done on wrong grounds");
  process.exit(EX_SOFTWARE);
}

function fail(error: unknown): never {
  const report = failureReport(error);
  if (!report) defect(error);
  for (const line of report.lines) process.stderr.write(`outrider: ${line}\n`);
  process.exit(report.exitCode);
}

process.on("uncaughtException", defect);
process.on("unhandledRejection", defect);

const stopping = stopSignal();

async function run(): Promise<void> {
  const config = readConfig(process.env);
  const world = await openWorld(config);
  try {
    const parts = await startParts({ config, world, logOf, defect });
    try {
      process.on("SIGHUP", () => void parts.inventory.reload().catch(defect));
      const door = doorOf(config, parts.port);
      const late = AbortSignal.any([stopping, AbortSignal.timeout(MANAGED_WITHIN_MS)]);
      const notYet = await awaitManaged(door, nodesDrivenHere(world), late);
      if (stopping.aborted) return;
      process.stdout.write(
        banner({
          version: VERSION,
          site: world.site.name,
          door,
          webUrl: parts.webUrl,
          administrator: parts.administrator,
          nodes: world.site.nodes.map(({ id }) => id),
          demo: demoOf(world),
          ssh: sshOf(parts.ssh, world.site),
          notYet,
          newAgents: parts.newAgents,
        }),
      );
      // For whoever starts this program from another one.
      if (!process.stdout.isTTY) {
        const { webUrl } = parts;
        const ready = {
          ready: true,
          name: "all-in-one",
          pid: process.pid,
          url: door.url,
          webUrl,
        };
        process.stdout.write(`${JSON.stringify(ready)}\n`);
      }
      await aborted(stopping);
    } finally {
      await parts.stop();
    }
  } finally {
    await world.machines?.close();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
    // Nothing else keeps an idle process alive for sure.
    const alive = setInterval(() => {}, 60_000);
    signal.addEventListener("abort", () => clearInterval(alive), { once: true });
  });
}

await run().then(() => process.exit(0), fail);
