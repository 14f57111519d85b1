import { join } from "node:path";
import {
  EnvironmentError,
  optionalBytes,
  optionalNumber,
  optionalSpan,
  type Variable,
} from "@outrider/contracts/environment";
import { readServiceConfig, type ServiceConfig } from "@outrider/service-kit/config";
import { parseNetworks } from "@outrider/service-kit/outbound/address-policy";
import {
  serviceSecretDirectories,
  ServiceSecrets,
} from "@outrider/service-kit/outbound/service-secrets";

import {
  DATABASE_RETENTION,
  EMBEDDED_RETENTION,
  type Retention,
  type StoreConfig,
} from "./store/store-config.js";

export interface TelemetryConfig extends ServiceConfig {
  /** Where values are kept; undefined: in the data directory. */
  readonly influxUrl?: string | undefined;
  /** How much is kept, and for how long; what is left out is as the store has it. */
  readonly bounds?: StoreBounds;
  /** Networks that notifications may reach although they would be refused. */
  readonly webhookAllow?: readonly (readonly [string, number])[];
  /** Where the secrets of notifications are. Default: nowhere. */
  readonly secrets?: ServiceSecrets;
}

export type StoreBounds = Pick<
  StoreConfig,
  "maximumSeries" | "spoolBytes" | "embeddedBytes" | "retention"
>;

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
    OUTRIDER_TELEMETRY_SERIES: optionalNumber(1000, 1_000_000),
    OUTRIDER_TELEMETRY_BYTES: optionalBytes(64),
    OUTRIDER_TELEMETRY_SPOOL_BYTES: optionalBytes(32),
    OUTRIDER_TELEMETRY_KEEP_RAW: optionalSpan(3),
    OUTRIDER_TELEMETRY_KEEP_MINUTES: optionalSpan(24),
    OUTRIDER_TELEMETRY_KEEP_HOURS: optionalSpan(24),
  });
  return {
    ...common,
    influxUrl: own.OUTRIDER_INFLUX_URL,
    bounds: {
      maximumSeries: own.OUTRIDER_TELEMETRY_SERIES,
      embeddedBytes: own.OUTRIDER_TELEMETRY_BYTES,
      spoolBytes: own.OUTRIDER_TELEMETRY_SPOOL_BYTES,
      retention: retentionOf(own.OUTRIDER_INFLUX_URL, {
        rawMs: own.OUTRIDER_TELEMETRY_KEEP_RAW,
        minutesMs: own.OUTRIDER_TELEMETRY_KEEP_MINUTES,
        hoursMs: own.OUTRIDER_TELEMETRY_KEEP_HOURS,
      }),
    },
    webhookAllow: own.OUTRIDER_WEBHOOK_ALLOW,
    secrets: new ServiceSecrets(
      serviceSecretDirectories(join(common.dataDirectory, "telemetry"), environment),
      environment,
    ),
  };
}

/** What is finer is kept no longer than what is coarser: it is what that is made of. */
function retentionOf(
  url: string | undefined,
  given: { readonly [key in keyof Retention]: number | undefined },
): Retention {
  const fallback = url === undefined ? EMBEDDED_RETENTION : DATABASE_RETENTION;
  const rawMs = given.rawMs ?? fallback.rawMs;
  const minutesMs = given.minutesMs ?? fallback.minutesMs;
  const hoursMs = given.hoursMs ?? fallback.hoursMs;
  if (rawMs <= minutesMs && minutesMs <= hoursMs) return { rawMs, minutesMs, hoursMs };
  const [raw, minutes, hours] = [rawMs, minutesMs, hoursMs].map((ms) => `${ms / 3_600_000}h`);
  throw new EnvironmentError([
    `OUTRIDER_TELEMETRY_KEEP_RAW=${raw}, OUTRIDER_TELEMETRY_KEEP_MINUTES=${minutes}, OUTRIDER_TELEMETRY_KEEP_HOURS=${hours} (given or by default); expected none shorter than the one before it`,
  ]);
}
