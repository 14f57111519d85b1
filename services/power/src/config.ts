import { isAbsolute } from "node:path";
import type { Variable } from "@outrider/contracts/environment";
import { readServiceConfig } from "@outrider/service-kit/config";
import { parseNetworks } from "@outrider/service-kit/outbound/address-policy";

/** Networks that webhooks may reach although they would be refused. */
const networks: Variable<readonly (readonly [string, number])[]> = {
  expected: "networks like 127.0.0.0/8,::1/128",
  read: parseNetworks,
  fallback: { value: [] },
};

/** The folder that programs of hooks have to lie in. */
const hookDirectory: Variable<string | undefined> = {
  expected: "the absolute path of a folder",
  read: (path) => (isAbsolute(path) ? path : undefined),
  fallback: { value: undefined },
};

export type PowerConfig = ReturnType<typeof readPowerConfig>;

/** @throws EnvironmentError */
export function readPowerConfig(environment: Readonly<Record<string, string | undefined>>) {
  return readServiceConfig("power", environment, {
    OUTRIDER_HOOK_DIR: hookDirectory,
    OUTRIDER_WEBHOOK_ALLOW: networks,
  });
}
