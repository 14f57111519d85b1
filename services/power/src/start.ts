import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import { startService, type RunningService } from "@outrider/service-kit/service";
import { openStorage } from "@outrider/storage/open-storage";
import type { PowerConfig } from "./config.js";
import { MIGRATIONS } from "./journal.js";
import { PowerModule } from "./power.module.js";

export interface PowerDependencies {
  readonly log: Log;
  readonly clock?: Clock;
  /** Called on a defect, after which the process cannot be trusted and should end. */
  readonly defect: (error: unknown) => void;
}

export const VERSION = "0.1.0";

/** Starts the power service. @throws StorageError `held` when another instance is active */
export async function startPowerService(
  config: PowerConfig,
  dependencies: PowerDependencies,
): Promise<RunningService> {
  await mkdir(config.dataDirectory, { recursive: true, mode: 0o700 });
  const storage = await openStorage({
    file: join(config.dataDirectory, "power.sqlite"),
    migrations: { namespace: "power", steps: MIGRATIONS },
  });
  try {
    return await startService({
      name: "power",
      version: VERSION,
      module: PowerModule.with(storage, dependencies.defect),
      mqtt: { url: config.mqttUrl, username: config.username, password: config.password },
      dataDirectory: config.dataDirectory,
      log: dependencies.log,
      ...(dependencies.clock ? { clock: dependencies.clock } : {}),
    });
  } catch (error) {
    await storage.close();
    throw error;
  }
}
