import { readServiceConfig, type ServiceConfig } from "@outrider/service-kit/config";

export type PowerConfig = ServiceConfig;

/** @throws EnvironmentError */
export function readPowerConfig(
  environment: Readonly<Record<string, string | undefined>>,
): PowerConfig {
  return readServiceConfig("power", environment, {});
}
