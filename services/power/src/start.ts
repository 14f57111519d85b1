import { auditMigrations } from "@outrider/audit/audit-migrations";
import type { Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import { announceStandby } from "@outrider/service-kit/program";
import { startService, type RunningService } from "@outrider/service-kit/service";
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
  return startService({
    name: "power",
    version: VERSION,
    module: {
      build: async (instance) => {
        const storage = await instance.storage([
          { namespace: "power", steps: MIGRATIONS },
          auditMigrations("power"),
        ]);
        return PowerModule.with({
          storage,
          dataDirectory: config.dataDirectory,
          defect: dependencies.defect,
          webhookNetworks: config.own.OUTRIDER_WEBHOOK_ALLOW,
          hookDirectory: config.own.OUTRIDER_HOOK_DIR,
        });
      },
    },
    mqtt: { url: config.mqttUrl, username: config.username, password: config.password },
    dataDirectory: config.dataDirectory,
    databaseUrl: config.databaseUrl,
    standingBy: config.standby ? announceStandby("power") : undefined,
    log: dependencies.log,
    ...(dependencies.clock ? { clock: dependencies.clock } : {}),
  });
}
