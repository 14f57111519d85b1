#!/usr/bin/env node
import { EnvironmentError } from "@outrider/contracts/environment";
import { StorageError } from "@outrider/storage/storage-error";
import { startBroker } from "./broker.js";
import { openCredentials } from "@outrider/identity/credential-store";
import { CredentialsError } from "@outrider/identity/credentials-file";
import { readConfig } from "./environment.js";
import { jsonLog } from "./json-log.js";

/** The broker as a program. Ends on SIGTERM and SIGINT; exit code 2: it cannot start as configured. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = jsonLog("broker", config.level);
  const credentials = await openCredentials(config.data, {
    log,
    databaseUrl: config.databaseUrl,
  });
  const broker = await startBroker({
    host: config.host,
    port: config.port,
    credentials,
    ...(config.anonymous && { anonymous: "loopback-operator" as const }),
    log,
  });
  const stop = (signal: NodeJS.Signals): void => {
    log.info({ signal }, "the broker ends");
    broker.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ problem: String(error) }, "the broker did not end cleanly");
        process.exit(1);
      },
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  const ready = { ready: true, name: "broker", pid: process.pid, port: broker.port };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
}

main().catch((error: unknown) => {
  const log = jsonLog("broker", "info");
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof EnvironmentError) {
    log.error({ problems: error.problems }, "the configuration cannot be used");
  } else if (
    error instanceof CredentialsError ||
    error instanceof StorageError ||
    typeof code === "string"
  ) {
    log.error({ problem: (error as Error).message, code }, "the broker cannot start");
  } else {
    throw error;
  }
  process.exitCode = 2;
});
