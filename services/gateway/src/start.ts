import { anchorPath } from "@outrider/audit/anchor-file";
import { AuditLog } from "@outrider/audit/audit-log";
import { auditMigrations } from "@outrider/audit/audit-migrations";
import { systemClock, type Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import { announceStandby } from "@outrider/service-kit/program";
import { startService, type RunningService } from "@outrider/service-kit/service";
import type { GatewayConfig } from "./config.js";
import { Gateway } from "./gateway.js";
import { GatewayModule } from "./gateway.module.js";
import { REPLY_MIGRATION } from "./http/replies.js";
import { VERSION } from "./version.js";
import { demoPeople } from "./people/demo-people.js";

export interface GatewayDependencies {
  readonly log: Log;
  readonly clock?: Clock;
  /** Called on a defect, after which the process cannot be trusted and should end. */
  readonly defect: (error: unknown) => void;
  /** Lets whoever is on this machine act as an operator without credentials: the demonstration, and nothing else. */
  readonly anonymous?: "loopback-operator" | undefined;
}

export interface RunningGateway extends RunningService {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
}

/**
 * Starts the gateway and resolves once it is served.
 * @throws StorageError `held` when another instance is active
 * @throws Error of the system (`EADDRINUSE`) when it cannot listen
 */
export async function startGateway(
  config: GatewayConfig,
  dependencies: GatewayDependencies,
): Promise<RunningGateway> {
  const { log, clock, defect } = dependencies;
  const service = await startService({
    name: "gateway",
    version: VERSION,
    module: {
      build: async (instance) => {
        const storage = await instance.storage([
          { namespace: "gateway", steps: [REPLY_MIGRATION] },
          auditMigrations("gateway"),
        ]);
        const audit = await AuditLog.open({
          storage,
          log: "gateway",
          clock: clock ?? systemClock,
          anchor: anchorPath(config.dataDirectory, "gateway"),
          problem: (what, error) => log.error({ err: error }, what),
        });
        return GatewayModule.with({
          config,
          storage,
          audit,
          people: demoPeople(),
          version: VERSION,
          defect,
        });
      },
    },
    mqtt: { url: config.mqttUrl, username: config.username, password: config.password },
    dataDirectory: config.dataDirectory,
    databaseUrl: config.databaseUrl,
    standingBy: config.standby ? announceStandby("gateway") : undefined,
    log,
    defect,
    ...(clock ? { clock } : {}),
  });
  const gateway = service.context.get(Gateway);
  try {
    await gateway.start();
  } catch (error) {
    await service.stop();
    throw error;
  }
  return { ...service, url: gateway.url };
}
