import { join } from "node:path";
import type { Variable } from "@outrider/contracts/environment";
import { readServiceConfig, type ServiceConfig } from "@outrider/service-kit/config";
import { parseNetworks } from "@outrider/service-kit/outbound/address-policy";
import {
  serviceSecretDirectories,
  ServiceSecrets,
} from "@outrider/service-kit/outbound/service-secrets";

export interface TelemetryConfig extends ServiceConfig {
  /** Where values are kept; undefined: in the data directory. */
  readonly influxUrl?: string | undefined;
  /** Networks that notifications may reach although they would be refused. */
  readonly webhookAllow?: readonly (readonly [string, number])[];
  /** Where the secrets of notifications are. Default: nowhere. */
  readonly secrets?: ServiceSecrets;
}

/** A time-series database, which may be left out. Its kind may stand before the scheme. */
const storeUrl: Variable<string | undefined> = {
  expected: "a URL like http://127.0.0.1:8086/outrider or victoria+http://127.0.0.1:8428",
  read: (text) => (/^([a-z0-9]+\+)?https?:\/\/[!-~]+$/.test(text) ? text : undefined),
  fallback: { value: undefined },
};

const networks: Variable<readonly (readonly [string, number])[]> = {
  expected: "networks like 127.0.0.0/8,::1/128",
  read: parseNetworks,
  fallback: { value: [] },
};

/** @throws EnvironmentError */
export function readTelemetryConfig(
  environment: Readonly<Record<string, string | undefined>>,
): TelemetryConfig {
  const { own, ...common } = readServiceConfig("telemetry", environment, {
    OUTRIDER_INFLUX_URL: storeUrl,
    OUTRIDER_WEBHOOK_ALLOW: networks,
  });
  return {
    ...common,
    influxUrl: own.OUTRIDER_INFLUX_URL,
    webhookAllow: own.OUTRIDER_WEBHOOK_ALLOW,
    secrets: new ServiceSecrets(
      serviceSecretDirectories(join(common.dataDirectory, "telemetry"), environment),
      environment,
    ),
  };
}
