import { readFile } from "node:fs/promises";
import type { Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import { announceStandby } from "@outrider/service-kit/program";
import { startService, type RunningService } from "@outrider/service-kit/service";
import { isStorageError } from "@outrider/storage/storage-error";
import type { InventoryConfig } from "./config.js";
import { inventoryModule } from "./inventory.module.js";
import { readSiteAside } from "./site-reader.js";
import { SiteFileError } from "./site-problem.js";
import { siteListener } from "./record/site-listener.js";
import { SiteRecord, type SiteSource } from "./record/site-record.js";
import type { Site } from "./site.js";
import { SiteStore } from "./record/site-store.js";

export interface InventoryDependencies {
  readonly log: Log;
  readonly clock?: Clock;
  /** Told of a defect while something was asked. Default: thrown, which ends the process. */
  readonly defect?: (error: unknown) => void;
}

function crash(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

export interface RunningInventory extends RunningService {
  /**
   * Reads the site file again and puts it into force.
   * @returns false when it is wrong or cannot be recorded: the log says why, and the one before stays in force
   */
  reload(): Promise<boolean>;
}

export const VERSION = "0.1.0";

/** @throws SiteFileError when the file cannot be read or used */
export async function readSource(
  file: string,
  ports?: ReadonlyMap<number, string>,
): Promise<SiteSource> {
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
  return { path: file, text, site: await readSiteAside(text, file, ports) };
}

/** The site that a file declares. @throws SiteFileError when it cannot be read or used */
export async function loadSite(file: string, ports?: ReadonlyMap<number, string>): Promise<Site> {
  return (await readSource(file, ports)).site;
}

/**
 * Starts the inventory service.
 * @throws SiteFileError when the site file is wrong; nothing has been published
 * @throws StorageError `held` when another instance is active
 */
export async function startInventory(
  config: InventoryConfig,
  { log, clock, defect = crash }: InventoryDependencies,
): Promise<RunningInventory> {
  const first = await readSource(config.siteFile, config.ownPorts);
  const service = await startService({
    name: "inventory",
    version: VERSION,
    module: { build: (instance) => inventoryModule(instance, config, first) },
    mqtt: { url: config.mqttUrl, username: config.username, password: config.password },
    dataDirectory: config.dataDirectory,
    databaseUrl: config.databaseUrl,
    standingBy: config.standby ? announceStandby("inventory") : undefined,
    log,
    defect,
    http: (context) =>
      siteListener({ record: context.get(SiteRecord), store: context.get(SiteStore), defect }),
    ...(clock ? { clock } : {}),
  });
  const record = service.context.get(SiteRecord);
  return {
    ...service,
    reload: async () => {
      try {
        await record.reload(await readSource(config.siteFile, config.ownPorts));
        return true;
      } catch (error) {
        if (isStorageError(error, "full", "io", "busy", "corrupt", "unreachable")) {
          log.error(
            { file: config.siteFile, err: error },
            "the new site file could not be recorded; the one before stays in force. Look after the database, then reload",
          );
          return false;
        }
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
