import type { Variable } from "@outrider/contracts/environment";
import { readServiceConfig, type ServiceConfig } from "@outrider/service-kit/config";

export interface TelemetryConfig extends ServiceConfig {
  /** Where values are kept; undefined: in the data directory. */
  readonly influxUrl?: string | undefined;
}

/** A time-series database, which may be left out. Its kind may stand before the scheme. */
const storeUrl: Variable<string | undefined> = {
  expected: "a URL like http://127.0.0.1:8086/outrider or victoria+http://127.0.0.1:8428",
  read: (text) => (/^([a-z0-9]+\+)?https?:\/\/[!-~]+$/.test(text) ? text : undefined),
  fallback: { value: undefined },
};

/** @throws EnvironmentError */
export function readTelemetryConfig(
  environment: Readonly<Record<string, string | undefined>>,
): TelemetryConfig {
  const { own, ...common } = readServiceConfig("telemetry", environment, {
    OUTRIDER_INFLUX_URL: storeUrl,
  });
  return { ...common, influxUrl: own.OUTRIDER_INFLUX_URL };
}
