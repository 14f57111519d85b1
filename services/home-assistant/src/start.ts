import type { Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import { announceStandby } from "@outrider/service-kit/program";
import { startService, type RunningService } from "@outrider/service-kit/service";
import type { HomeAssistantServiceConfig } from "./config.js";
import { HomeAssistantModule } from "./home-assistant.module.js";

export interface HomeAssistantDependencies {
  readonly log: Log;
  readonly clock?: Clock;
  /** Called on a defect, after which the process cannot be trusted and should end. */
  readonly defect: (error: unknown) => void;
}

export const VERSION = "0.1.0";

/** Starts the bridge to Home Assistant. @throws StorageError `held` when another instance is active */
export async function startHomeAssistantService(
  config: HomeAssistantServiceConfig,
  dependencies: HomeAssistantDependencies,
): Promise<RunningService> {
  return startService({
    name: "home-assistant",
    version: VERSION,
    module: HomeAssistantModule.with({
      form: config.own.OUTRIDER_HOME_ASSISTANT_FORM,
      root: config.own.OUTRIDER_HOME_ASSISTANT_PREFIX,
      url: config.own.OUTRIDER_HOME_ASSISTANT_WEB,
      version: VERSION,
    }),
    mqtt: { url: config.mqttUrl, username: config.username, password: config.password },
    dataDirectory: config.dataDirectory,
    databaseUrl: config.databaseUrl,
    standingBy: config.standby ? announceStandby("home-assistant") : undefined,
    log: dependencies.log,
    defect: dependencies.defect,
    ...(dependencies.clock ? { clock: dependencies.clock } : {}),
  });
}
