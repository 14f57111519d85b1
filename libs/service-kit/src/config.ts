import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  databaseUrl,
  EnvironmentError,
  mqttUrl,
  optionalText,
  readEnvironment,
  text,
  yesOrNo,
  type Variable,
} from "@outrider/contracts/environment";
import type { ServiceName } from "@outrider/contracts/ids";

/** What every service is configured with. */
export interface ServiceConfig {
  readonly mqttUrl: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly dataDirectory: string;
  /** PostgreSQL for all tables; without it each owner of tables has a SQLite file in the data directory. */
  readonly databaseUrl?: string | undefined;
  /** Whether to wait while another instance is active, and to take over from it. */
  readonly standby?: boolean | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads a service's configuration and its own variables, all problems at once. Its secret is the file that
 * `OUTRIDER_<SERVICE>_SECRET_FILE` names, else the one that the broker made on this host, else there is none and the
 * broker must allow it.
 * @throws EnvironmentError
 */
export function readServiceConfig<const V extends Record<string, Variable<unknown>>>(
  service: ServiceName,
  environment: Environment,
  own: V,
): ServiceConfig & { readonly own: ReturnType<typeof readEnvironment<V>> } {
  const secretVariable = `OUTRIDER_${service.toUpperCase().replaceAll("-", "_")}_SECRET_FILE`;
  const problems: string[] = [];
  const collect = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof EnvironmentError)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  };
  const common = collect(() =>
    readEnvironment(
      {
        OUTRIDER_MQTT_URL: mqttUrl("mqtt://127.0.0.1:1883"),
        OUTRIDER_DATA: text("./data"),
        OUTRIDER_DATABASE_URL: databaseUrl(),
        OUTRIDER_STANDBY: yesOrNo(false),
        [secretVariable]: optionalText(),
      },
      environment,
    ),
  );
  const more = collect(() => readEnvironment(own, environment));
  if (!common || !more) throw new EnvironmentError(problems);
  const dataDirectory = common.OUTRIDER_DATA;
  const made = join(dataDirectory, "secrets", `service-${service}`);
  const file = environment[secretVariable] || (existsSync(made) ? made : undefined);
  return {
    mqttUrl: common.OUTRIDER_MQTT_URL,
    dataDirectory,
    databaseUrl: common.OUTRIDER_DATABASE_URL,
    standby: common.OUTRIDER_STANDBY,
    own: more,
    ...(file === undefined
      ? {}
      : { username: `service:${service}`, password: secret(secretVariable, file) }),
  };
}

function secret(variable: string, file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new EnvironmentError([`${variable}: the secret cannot be read: ${why}`]);
  }
}
