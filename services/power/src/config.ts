import type { Variable } from "@outrider/contracts/environment";
import { readServiceConfig } from "@outrider/service-kit/config";
import { parseNetworks } from "./hooks/address-policy.js";

/** Networks that webhooks may reach although they would be refused. */
const networks: Variable<readonly (readonly [string, number])[]> = {
  expected: "networks like 127.0.0.0/8,::1/128",
  read: parseNetworks,
  fallback: { value: [] },
};

export type PowerConfig = ReturnType<typeof readPowerConfig>;

/** @throws EnvironmentError */
export function readPowerConfig(environment: Readonly<Record<string, string | undefined>>) {
  return readServiceConfig("power", environment, { OUTRIDER_WEBHOOK_ALLOW: networks });
}
