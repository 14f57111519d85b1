import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
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
import { ensureAdministrator } from "@outrider/identity/first-run";
import { openIdentity, type OpenIdentity } from "@outrider/identity/open-identity";
import { StorePeople } from "./people/store-people.js";

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
  /** The administrator that was made because there was none, and the file with the one-time password. */
  readonly firstAdministrator?: { readonly name: string; readonly passwordFile: string };
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
  const { log, defect, anonymous } = dependencies;
  const { clock = systemClock } = dependencies;
  await using started = new AsyncDisposableStack();
  // Closed last, when nobody asks after anybody any more.
  const stack = started.use(new AsyncDisposableStack());
  const opened: { identity?: OpenIdentity } = {};
  const service = await startService({
    name: "gateway",
    version: VERSION,
    module: {
      build: async (instance) => {
        const storage = await instance.storage([
          { namespace: "gateway", steps: [REPLY_MIGRATION] },
          auditMigrations("gateway"),
        ]);
        const identity = stack.use(await openIdentity(config, { log, clock }));
        opened.identity = identity;
        const audit = await AuditLog.open({
          storage,
          log: "gateway",
          clock,
          anchor: anchorPath(config.dataDirectory, "gateway"),
          problem: (what, error) => log.error({ err: error }, what),
        });
        const people = new StorePeople(identity.store, anonymous !== undefined);
        return GatewayModule.with({ config, storage, audit, people, version: VERSION, defect });
      },
    },
    mqtt: { url: config.mqttUrl, username: config.username, password: config.password },
    dataDirectory: config.dataDirectory,
    databaseUrl: config.databaseUrl,
    standingBy: config.standby ? announceStandby("gateway") : undefined,
    log,
    defect,
    clock,
  });
  stack.defer(() => service.stop());
  const gateway = service.context.get(Gateway);
  const firstAdministrator =
    opened.identity && anonymous === undefined
      ? await firstAdministratorOf(opened.identity, config.dataDirectory)
      : undefined;
  if (firstAdministrator) {
    log.warn(firstAdministrator, "an administrator was made, with a one-time password in a file");
  }
  await gateway.start();
  const running = started.move();
  return {
    ...service,
    url: gateway.url,
    ...(firstAdministrator ? { firstAdministrator } : {}),
    stop: () => running.disposeAsync(),
  };
}

/** Into a file of its owner's alone: terminals and logs are read by more people than may administer a site. */
async function firstAdministratorOf(
  { store }: OpenIdentity,
  dataDirectory: string,
): Promise<{ readonly name: string; readonly passwordFile: string } | undefined> {
  const made = await ensureAdministrator(store);
  if (!made) {
    // A password that was changed opens nothing any more; its file would only lead people astray.
    for (const { name, mustChangePassword } of await store.people.list()) {
      const file = join(dataDirectory, "secrets", `first-${name}`);
      if (!mustChangePassword) await rm(file, { force: true });
    }
    return undefined;
  }
  const passwordFile = join(dataDirectory, "secrets", `first-${made.name}`);
  await mkdir(dirname(passwordFile), { recursive: true, mode: 0o700 });
  await writeFile(passwordFile, `${made.password}\n`, { mode: 0o600 });
  return { name: made.name, passwordFile };
}
