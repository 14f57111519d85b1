import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mqttUrl, optionalText, readEnvironment, text } from "@outrider/contracts/environment";

export interface PowerConfig {
  readonly mqttUrl: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly dataDirectory: string;
}

/**
 * Reads the power service's configuration. Its secret is a file that `OUTRIDER_POWER_SECRET_FILE` names,
 * else the one that the broker made on this host, else there is none and the broker must allow it.
 * @throws EnvironmentError
 */
export function readPowerConfig(
  environment: Readonly<Record<string, string | undefined>>,
): PowerConfig {
  const values = readEnvironment(
    {
      OUTRIDER_MQTT_URL: mqttUrl("mqtt://127.0.0.1:1883"),
      OUTRIDER_DATA: text("./data"),
      OUTRIDER_POWER_SECRET_FILE: optionalText(),
    },
    environment,
  );
  const made = join(values.OUTRIDER_DATA, "secrets", "service-power");
  const file = values.OUTRIDER_POWER_SECRET_FILE ?? (existsSync(made) ? made : undefined);
  return {
    mqttUrl: values.OUTRIDER_MQTT_URL,
    dataDirectory: values.OUTRIDER_DATA,
    ...(file === undefined
      ? {}
      : { username: "service:power", password: readFileSync(file, "utf8").trim() }),
  };
}
