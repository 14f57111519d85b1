import { isIP } from "node:net";
import { resolve } from "node:path";
import {
  EnvironmentError,
  optionalText,
  pattern,
  port,
  readEnvironment,
  text,
  type Variable,
} from "@outrider/contracts/environment";
import { LEVELS, type Level } from "./json-log.js";

export interface BrokerConfig {
  readonly host: string;
  readonly port: number;
  /** Absolute path of the data folder. */
  readonly data: string;
  /** Whether clients of this machine without a user name are operators: in the demo, never with a site of one's own. */
  readonly anonymous: boolean;
  readonly level: Level;
  /** PostgreSQL with the people and machines; without it they are in the data folder. */
  readonly databaseUrl: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const address: Variable<string> = {
  expected: "an IP address of this host, or localhost",
  read: (value) => (isIP(value) > 0 || value === "localhost" ? value : undefined),
  fallback: { value: "127.0.0.1" },
};

const VARIABLES = {
  OUTRIDER_BIND: address,
  OUTRIDER_MQTT_PORT: port(1883),
  OUTRIDER_DATA: text("./data"),
  OUTRIDER_SITE: optionalText(),
  OUTRIDER_DATABASE_URL: optionalText(),
  OUTRIDER_MQTT_PLAINTEXT: pattern("yes, or nothing", /^yes$/, "no"),
  OUTRIDER_LOG_LEVEL: pattern(LEVELS.join(", "), new RegExp(`^(${LEVELS.join("|")})$`), "info"),
};

/** Names that begin like the broker's own and belong to others. */
const FOREIGN = new Set(["OUTRIDER_MQTT_URL"]);
const MISSING: Readonly<Record<string, string>> = {
  OUTRIDER_MQTTS_PORT: "to be left out: this broker has no TLS listener",
  OUTRIDER_MQTT_WS_PORT: "to be left out: this broker has no WebSocket listener",
};

/**
 * Reads the broker's configuration.
 * @throws EnvironmentError with every problem: the variable, its value, and what was expected
 */
export function readConfig(environment: Environment): BrokerConfig {
  const problems = strangers(environment);
  let values: ReturnType<typeof readVariables> | undefined;
  try {
    values = readVariables(environment);
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    problems.push(...error.problems);
  }
  if (values && !isLoopback(values.OUTRIDER_BIND) && values.OUTRIDER_MQTT_PLAINTEXT !== "yes") {
    problems.push(
      `OUTRIDER_BIND=${JSON.stringify(values.OUTRIDER_BIND)}; expected a loopback address, or OUTRIDER_MQTT_PLAINTEXT=yes: secrets would cross the network in the clear`,
    );
  }
  if (!values || problems.length > 0) throw new EnvironmentError(problems);
  return {
    host: values.OUTRIDER_BIND,
    port: values.OUTRIDER_MQTT_PORT,
    data: resolve(values.OUTRIDER_DATA),
    anonymous: values.OUTRIDER_SITE === undefined,
    level: values.OUTRIDER_LOG_LEVEL as Level,
    databaseUrl: values.OUTRIDER_DATABASE_URL,
  };
}

const readVariables = (environment: Environment) => readEnvironment(VARIABLES, environment);

/** A misspelt `OUTRIDER_MQTT_PROT` would otherwise leave the default in force without a word. */
function strangers(environment: Environment): string[] {
  return Object.entries(environment)
    .filter(([name, value]) => name.startsWith("OUTRIDER_MQTT") && value !== undefined)
    .filter(([name]) => !(name in VARIABLES) && !FOREIGN.has(name))
    .map(([name, value]) => {
      const expected = MISSING[name] ?? `one of ${Object.keys(VARIABLES).join(", ")}`;
      return `${name}=${JSON.stringify(value)}; expected ${expected}`;
    });
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
