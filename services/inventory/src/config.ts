import { text } from "@outrider/contracts/environment";
import { readServiceConfig, type ServiceConfig } from "@outrider/service-kit/config";
import { ownPorts } from "./own-ports.js";

export interface InventoryConfig extends ServiceConfig {
  /** Path of the site file, also as it is shown in messages. */
  readonly siteFile: string;
  /** Ports that the parts of this deployment listen on, and the variable of each. */
  readonly ownPorts?: ReadonlyMap<number, string> | undefined;
}

/** @throws EnvironmentError */
export function readInventoryConfig(
  environment: Readonly<Record<string, string | undefined>>,
): InventoryConfig {
  const { own, ...common } = readServiceConfig("inventory", environment, {
    OUTRIDER_SITE: { ...text(), expected: "the path of a site file" },
  });
  return { ...common, siteFile: own.OUTRIDER_SITE, ownPorts: ownPorts(environment) };
}
