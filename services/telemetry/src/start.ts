import { join } from "node:path";
import { auditMigrations } from "@outrider/audit/audit-migrations";
import { systemClock, type Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import { AddressPolicy } from "@outrider/service-kit/outbound/address-policy";
import { ServiceSecrets } from "@outrider/service-kit/outbound/service-secrets";
import { announceStandby } from "@outrider/service-kit/program";
import { startService, type RunningService } from "@outrider/service-kit/service";
import type { TelemetryConfig } from "./config.js";
import { TELEMETRY_MIGRATIONS } from "./migrations.js";
import { openStore } from "./store/open-store.js";
import { Pages, TelemetryModule } from "./telemetry.module.js";

export interface TelemetryDependencies {
  readonly log: Log;
  readonly clock?: Clock;
  /** Called on a defect, after which the process cannot be trusted and should end. */
  readonly defect: (error: unknown) => void;
}

export const VERSION = "0.1.0";

/**
 * Starts the telemetry service.
 * @throws StorageError `held` when another instance is active
 */
export async function startTelemetryService(
  config: TelemetryConfig,
  dependencies: TelemetryDependencies,
): Promise<RunningService> {
  const { log, defect, clock = systemClock } = dependencies;
  const { dataDirectory, databaseUrl, influxUrl: url } = config;
  await using started = new AsyncDisposableStack();
  // Closed last, when nobody writes any more.
  const stack = started.use(new AsyncDisposableStack());
  const service = await startService({
    name: "telemetry",
    version: VERSION,
    module: {
      build: async (instance) => {
        const storage = await instance.storage([
          { namespace: "telemetry", steps: TELEMETRY_MIGRATIONS },
          auditMigrations("telemetry"),
        ]);
        const directory = join(dataDirectory, "telemetry");
        const store = stack.use(
          await openStore({ ...config.bounds, url, directory }, { clock, log }),
        );
        const outbound = {
          addresses: new AddressPolicy(config.webhookAllow),
          secrets: config.secrets ?? new ServiceSecrets([], {}),
        };
        return TelemetryModule.with({ storage, store, dataDirectory, outbound, defect });
      },
    },
    mqtt: { url: config.mqttUrl, username: config.username, password: config.password },
    dataDirectory,
    databaseUrl,
    standingBy: config.standby ? announceStandby("telemetry") : undefined,
    http: (context) => context.get(Pages).handler,
    log,
    defect,
    clock,
  });
  stack.defer(() => service.stop());
  const running = started.move();
  return { ...service, stop: () => running.disposeAsync() };
}
