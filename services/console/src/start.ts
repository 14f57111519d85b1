import { join } from "node:path";
import { auditMigrations } from "@outrider/audit/audit-migrations";
import { systemClock, type Clock } from "@outrider/contracts/clock";
import { openCredentials } from "@outrider/identity/credential-store";
import { openIdentity } from "@outrider/identity/open-identity";
import type { Log } from "@outrider/messaging/log";
import { announceStandby } from "@outrider/service-kit/program";
import { startService, type RunningService } from "@outrider/service-kit/service";
import { AUTOMATION_MIGRATIONS, SILENCE_MIGRATIONS } from "./automation/automation-migrations.js";
import type { ConsoleConfig } from "./config.js";
import { ConsoleCore } from "./console-core.js";
import { ConsoleModule } from "./console.module.js";
import { openConsoleLogs } from "./log/console-logs.js";
import { CONSOLE_MIGRATIONS } from "./state/remembered-consoles.js";
import { WIRE_MIGRATIONS } from "./state/remembered-wires.js";

export interface ConsoleDependencies {
  readonly log: Log;
  readonly clock?: Clock;
  /** Called on a defect, after which the process cannot be trusted and should end. */
  readonly defect: (error: unknown) => void;
}

export const VERSION = "0.1.0";

export interface RunningConsoleService extends RunningService {
  /** Where agents bring what consoles say. */
  readonly linkPort: number;
  /** Where people reach consoles by SSH, and by what they know that it is this service. */
  readonly ssh?:
    | { readonly host: string; readonly port: number; readonly fingerprint: string }
    | undefined;
  /** What a supervisor is told. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/**
 * Starts the console service and resolves once agents and people can come.
 * @throws StorageError `held` when another instance is active
 * @throws Error of the system (`EADDRINUSE`) when the link cannot listen
 */
export async function startConsoleService(
  config: ConsoleConfig,
  dependencies: ConsoleDependencies,
): Promise<RunningConsoleService> {
  const { log, defect, clock = systemClock } = dependencies;
  const { dataDirectory, databaseUrl } = config;
  await using started = new AsyncDisposableStack();
  // Closed last, when nobody asks after anybody any more.
  const stack = started.use(new AsyncDisposableStack());
  const service = await startService({
    name: "console",
    version: VERSION,
    module: {
      build: async (instance) => {
        const storage = await instance.storage([
          {
            namespace: "console",
            steps: [
              ...CONSOLE_MIGRATIONS,
              ...AUTOMATION_MIGRATIONS,
              ...WIRE_MIGRATIONS,
              ...SILENCE_MIGRATIONS,
            ],
          },
          auditMigrations("console"),
        ]);
        const identity = stack.use(await openIdentity(config, { log, clock }));
        const credentials = await openCredentials(dataDirectory, { log, databaseUrl });
        stack.defer(() => credentials.close());
        const logs = stack.use(
          await openConsoleLogs({
            directory: join(dataDirectory, "console"),
            clock,
            maxTotalBytes: config.logBytes,
            report: (problem) => log.error({ problem }, "a log of consoles has a problem"),
          }),
        );
        return ConsoleModule.with({
          config,
          storage,
          logs,
          identity: identity.store,
          credentials,
          defect,
        });
      },
    },
    mqtt: { url: config.mqttUrl, username: config.username, password: config.password },
    dataDirectory,
    databaseUrl,
    standingBy: config.standby ? announceStandby("console") : undefined,
    http: (context) => context.get(ConsoleCore).http(),
    upgrade: (context) => context.get(ConsoleCore).upgrade(),
    log,
    defect,
    clock,
  });
  stack.defer(() => service.stop());
  const core = service.context.get(ConsoleCore);
  const { linkPort } = core;
  const { ssh } = core.ways;
  const running = started.move();
  return {
    ...service,
    linkPort,
    ssh,
    facts: { linkPort, ...(ssh ? { ssh } : {}) },
    stop: () => running.disposeAsync(),
  };
}
