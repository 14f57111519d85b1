import { readFile } from "node:fs/promises";
import type { Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import { announceStandby } from "@outrider/service-kit/program";
import { startService, type RunningService } from "@outrider/service-kit/service";
import type { InventoryConfig } from "./config.js";
import { Inventory } from "./inventory.js";
import { inventoryModule } from "./inventory.module.js";
import { readSite } from "./site-file.js";
import { SiteFileError } from "./site-problem.js";
import type { Site } from "./site.js";

export interface InventoryDependencies {
  readonly log: Log;
  readonly clock?: Clock;
}

export interface RunningInventory extends RunningService {
  /**
   * Reads the site file again and puts it into force.
   * @returns false when it is wrong: the log says where, and the one before stays in force
   */
  reload(): Promise<boolean>;
}

export const VERSION = "0.1.0";

/** @throws SiteFileError when the file cannot be read or used */
export async function loadSite(file: string): Promise<Site> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : String(error);
    throw new SiteFileError(file, [
      { line: 1, path: "", message: `${reason}; expected a site file` },
    ]);
  }
  return readSite(text, file);
}

/**
 * Starts the inventory service.
 * @throws SiteFileError when the site file is wrong; nothing has been published
 * @throws StorageError `held` when another instance is active
 */
export async function startInventory(
  config: InventoryConfig,
  { log, clock }: InventoryDependencies,
): Promise<RunningInventory> {
  const first = await loadSite(config.siteFile);
  const service = await startService({
    name: "inventory",
    version: VERSION,
    module: { build: (instance) => inventoryModule(instance, config.dataDirectory, first) },
    mqtt: { url: config.mqttUrl, username: config.username, password: config.password },
    dataDirectory: config.dataDirectory,
    databaseUrl: config.databaseUrl,
    standingBy: config.standby ? announceStandby("inventory") : undefined,
    log,
    ...(clock ? { clock } : {}),
  });
  const inventory = service.context.get(Inventory);
  return {
    ...service,
    reload: async () => {
      try {
        await inventory.apply(await loadSite(config.siteFile));
        return true;
      } catch (error) {
        if (!(error instanceof SiteFileError)) throw error;
        log.error(
          { file: config.siteFile, problems: error.message.split("\n") },
          "the new site file is wrong; the one before stays in force",
        );
        return false;
      }
    },
  };
}
