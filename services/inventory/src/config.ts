import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mqttUrl, optionalText, readEnvironment, text } from "@outrider/contracts/environment";

export interface InventoryConfig {
  readonly mqttUrl: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly dataDirectory: string;
  /** Path of the site file, also as it is shown in messages. */
  readonly siteFile: string;
}

/**
 * Reads the inventory service's configuration. Its secret is a file that `OUTRIDER_INVENTORY_SECRET_FILE` names,
 * else the one that the broker made on this host, else there is none and the broker must allow it.
 * @throws EnvironmentError
 */
export function readInventoryConfig(
  environment: Readonly<Record<string, string | undefined>>,
): InventoryConfig {
  const values = readEnvironment(
    {
      OUTRIDER_MQTT_URL: mqttUrl("mqtt://127.0.0.1:1883"),
      OUTRIDER_DATA: text("./data"),
      OUTRIDER_INVENTORY_SECRET_FILE: optionalText(),
      OUTRIDER_SITE: { ...text(), expected: "the path of a site file" },
    },
    environment,
  );
  const made = join(values.OUTRIDER_DATA, "secrets", "service-inventory");
  const file = values.OUTRIDER_INVENTORY_SECRET_FILE ?? (existsSync(made) ? made : undefined);
  return {
    mqttUrl: values.OUTRIDER_MQTT_URL,
    dataDirectory: values.OUTRIDER_DATA,
    siteFile: values.OUTRIDER_SITE,
    ...(file === undefined
      ? {}
      : { username: "service:inventory", password: readFileSync(file, "utf8").trim() }),
  };
}
