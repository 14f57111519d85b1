import { isIP } from "node:net";
import { join, resolve } from "node:path";
import {
  databaseUrl,
  EnvironmentError,
  mqttUrl,
  optionalText,
  port,
  readEnvironment,
  text,
  yesOrNo,
  type Variable,
} from "@outrider/contracts/environment";
import { isAgentId, type AgentId } from "@outrider/contracts/ids";
import { SECRET_VARIABLE } from "@outrider/contracts/secret";

export interface Config {
  /** Address that the broker and the gateway listen on. */
  readonly bind: string;
  readonly mqttPort: number;
  readonly httpPort: number;
  /** Where the console service takes SSH, on {@link bind}; 0: any free port. */
  readonly sshPort: number;
  /** Where agents bring the bytes of consoles, on {@link bind}; 0: any free port. */
  readonly consoleLinkPort: number;
  /** What the console service and the agents that run here read themselves, as it was given. */
  readonly consoles: Readonly<Record<string, string>>;
  /**
   * Where secrets that the site file refers to are, as it was given: those of devices for the agents that run here,
   * those of notifications for the telemetry service; for nobody else.
   */
  readonly secrets: Readonly<Record<string, string>>;
  /** Names, beside its addresses, that people reach the gateway by, as the variable has them. */
  readonly httpHosts: string | undefined;
  /** PostgreSQL for everything that is kept; files in the data folder without it. */
  readonly databaseUrl: string | undefined;
  /** A time-series database for what is measured, as the variable has it; a file in the data folder without it. */
  readonly influxUrl: string | undefined;
  /** The bounds of what is measured, for the telemetry service and the agents that run here, as they were given. */
  readonly measured: Readonly<Record<string, string>>;
  /** Networks that drain hooks may reach although they would be refused, as the variable has them. */
  readonly webhookAllow: string | undefined;
  /** The folder that programs of drain hooks have to lie in, absolute; undefined: anywhere. */
  readonly hookDirectory: string | undefined;
  /** What the bridge to Home Assistant reads itself, as it was given; undefined: it is not started. */
  readonly homeAssistant: Readonly<Record<string, string>> | undefined;
  /** A broker of somebody else's; ours is not started then. */
  readonly externalBroker: string | undefined;
  /** Absolute. */
  readonly dataDirectory: string;
  /** The site file; the demonstration when there is none. */
  readonly siteFile: string | undefined;
  /** Agents of the site that run in this process. */
  readonly agents: readonly AgentId[];
  /** Whether the demonstration's machines go on when this process ends. */
  readonly keepDemo: boolean;
  /** Whether the demonstration may have a virtual machine, where QEMU is installed. */
  readonly demoVirtualMachine: boolean;
}

/** Read by a part of ours or by the command line, and no business of this program. */
const ELSEWHERE = [
  "OUTRIDER_AGENT_SECRET_FILE",
  "OUTRIDER_BOOT_ID_FILE",
  "OUTRIDER_CACHE",
  "OUTRIDER_CONSOLE_SECRET_FILE",
  "OUTRIDER_FAILPOINT",
  "OUTRIDER_GATEWAY_SECRET_FILE",
  "OUTRIDER_HOME_ASSISTANT_SECRET_FILE",
  "OUTRIDER_INVENTORY_SECRET_FILE",
  "OUTRIDER_LOG_LEVEL",
  "OUTRIDER_POWER_SECRET_FILE",
  "OUTRIDER_REQUIRE_PEERS",
  "OUTRIDER_SECRET_FILE",
  "OUTRIDER_TELEMETRY_SECRET_FILE",
  "OUTRIDER_TOKEN",
  "OUTRIDER_TOKEN_FILE",
  "OUTRIDER_URL",
  "OUTRIDER_USER",
];

/** Of the design, and not there yet: whoever sets one would rely on something that does not happen. */
const LATER = ["OUTRIDER_MQTTS_PORT", "OUTRIDER_MQTT_WS_PORT"];

const agentList: Variable<readonly AgentId[]> = {
  expected: "agent ids of the site file, separated by commas",
  read: (value) => {
    const ids = value.split(",").map((id) => id.trim());
    return ids.every((id) => isAgentId(id)) ? [...new Set(ids)] : undefined;
  },
  fallback: { value: [] },
};

const bind: Variable<string> = {
  expected: "an IP address of this machine",
  read: (value) => (isIP(value) > 0 ? value : undefined),
  fallback: { value: "127.0.0.1" },
};

/** Handed on to the console service and to agents, which know what they mean. */
const CONSOLES = {
  OUTRIDER_CONSOLE_LINK_CA_FILE: optionalText(),
  OUTRIDER_CONSOLE_LINK_CERT_FILE: optionalText(),
  OUTRIDER_CONSOLE_LINK_KEY_FILE: optionalText(),
  OUTRIDER_CONSOLE_LINK_URL: optionalText(),
  OUTRIDER_CONSOLE_LOG_BYTES: optionalText(),
  OUTRIDER_CONSOLE_OPEN_BIND: optionalText(),
  OUTRIDER_CONSOLE_SPOOL_BYTES: optionalText(),
};

/** Handed on to the telemetry service and to agents, which know what they mean. */
const MEASURED = {
  OUTRIDER_READING_SPOOL_BYTES: optionalText(),
  OUTRIDER_TELEMETRY_BYTES: optionalText(),
  OUTRIDER_TELEMETRY_KEEP_HOURS: optionalText(),
  OUTRIDER_TELEMETRY_KEEP_MINUTES: optionalText(),
  OUTRIDER_TELEMETRY_KEEP_RAW: optionalText(),
  OUTRIDER_TELEMETRY_SERIES: optionalText(),
  OUTRIDER_TELEMETRY_SPOOL_BYTES: optionalText(),
};

/** Handed on to the bridge to Home Assistant, which knows what they mean. */
const HOME_ASSISTANT = {
  OUTRIDER_HOME_ASSISTANT_FORM: optionalText(),
  OUTRIDER_HOME_ASSISTANT_PREFIX: optionalText(),
  OUTRIDER_HOME_ASSISTANT_WEB: optionalText(),
};

const VARIABLES = {
  OUTRIDER_BIND: bind,
  OUTRIDER_MQTT_PORT: port(1883),
  OUTRIDER_HTTP_PORT: port(8080),
  OUTRIDER_SSH_PORT: port(2222),
  OUTRIDER_CONSOLE_LINK_PORT: port(7420),
  OUTRIDER_CONSOLE_LINK_PLAINTEXT: yesOrNo(false),
  ...CONSOLES,
  OUTRIDER_HOME_ASSISTANT: yesOrNo(false),
  ...HOME_ASSISTANT,
  OUTRIDER_HTTP_HOSTS: optionalText(),
  OUTRIDER_HTTP_PLAINTEXT: yesOrNo(false),
  OUTRIDER_DATABASE_URL: databaseUrl(),
  OUTRIDER_INFLUX_URL: optionalText(),
  ...MEASURED,
  OUTRIDER_WEBHOOK_ALLOW: optionalText(),
  OUTRIDER_HOOK_DIR: optionalText(),
  OUTRIDER_MQTT_PLAINTEXT: yesOrNo(false),
  OUTRIDER_MQTT_URL: { ...mqttUrl(), fallback: { value: undefined } } as Variable<
    string | undefined
  >,
  OUTRIDER_DATA: text("./data"),
  OUTRIDER_SITE: optionalText(),
  OUTRIDER_AGENTS: agentList,
  OUTRIDER_DEMO_KEEP: yesOrNo(false),
  OUTRIDER_DEMO_VM: yesOrNo(true),
};

/** @throws EnvironmentError with every variable that is wrong, unknown or not supported yet */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const problems = strangers(environment);
  let values;
  try {
    values = readEnvironment(VARIABLES, environment);
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    throw new EnvironmentError([...error.problems, ...problems]);
  }
  if (values.OUTRIDER_SITE === undefined && values.OUTRIDER_AGENTS.length > 0) {
    problems.push("OUTRIDER_AGENTS is set; expected it only together with OUTRIDER_SITE");
  }
  const bridge = givenOf(HOME_ASSISTANT, values);
  if (!values.OUTRIDER_HOME_ASSISTANT) {
    for (const name of Object.keys(bridge))
      problems.push(`${name} is set; expected it only together with OUTRIDER_HOME_ASSISTANT=yes`);
  }
  if (!isLoopback(values.OUTRIDER_BIND) && !values.OUTRIDER_MQTT_PLAINTEXT) {
    problems.push(
      `OUTRIDER_BIND=${JSON.stringify(values.OUTRIDER_BIND)}; expected 127.0.0.1 or ::1, because this version has no TLS; ` +
        "OUTRIDER_MQTT_PLAINTEXT=yes lets secrets cross the network in the clear",
    );
  }
  if (!isLoopback(values.OUTRIDER_BIND) && !values.OUTRIDER_HTTP_PLAINTEXT) {
    problems.push(
      `OUTRIDER_BIND=${JSON.stringify(values.OUTRIDER_BIND)}; the gateway has no TLS yet, either: ` +
        "OUTRIDER_HTTP_PLAINTEXT=yes lets passwords cross the network in the clear; better put a TLS proxy before it",
    );
  }
  const certificate = values.OUTRIDER_CONSOLE_LINK_CERT_FILE;
  const isEncrypted = certificate !== undefined;
  if (isEncrypted !== (values.OUTRIDER_CONSOLE_LINK_KEY_FILE !== undefined)) {
    problems.push(
      "OUTRIDER_CONSOLE_LINK_CERT_FILE and OUTRIDER_CONSOLE_LINK_KEY_FILE; expected both or none",
    );
  }
  if (
    !isLoopback(values.OUTRIDER_BIND) &&
    !isEncrypted &&
    !values.OUTRIDER_CONSOLE_LINK_PLAINTEXT
  ) {
    problems.push(
      `OUTRIDER_BIND=${JSON.stringify(values.OUTRIDER_BIND)}; the console link has no certificate: set OUTRIDER_CONSOLE_LINK_CERT_FILE ` +
        "and OUTRIDER_CONSOLE_LINK_KEY_FILE, or let what is typed at consoles cross the network in the clear with OUTRIDER_CONSOLE_LINK_PLAINTEXT=yes",
    );
  }
  if (problems.length > 0) throw new EnvironmentError(problems);
  return {
    bind: values.OUTRIDER_BIND,
    mqttPort: values.OUTRIDER_MQTT_PORT,
    httpPort: values.OUTRIDER_HTTP_PORT,
    sshPort: values.OUTRIDER_SSH_PORT,
    consoleLinkPort: values.OUTRIDER_CONSOLE_LINK_PORT,
    consoles: {
      ...givenOf(CONSOLES, values),
      ...(values.OUTRIDER_CONSOLE_LINK_PLAINTEXT ? { OUTRIDER_CONSOLE_LINK_PLAINTEXT: "yes" } : {}),
    },
    secrets: secretsIn(environment),
    httpHosts: values.OUTRIDER_HTTP_HOSTS,
    databaseUrl: values.OUTRIDER_DATABASE_URL,
    measured: givenOf(MEASURED, values),
    influxUrl: values.OUTRIDER_INFLUX_URL,
    webhookAllow: values.OUTRIDER_WEBHOOK_ALLOW,
    hookDirectory:
      values.OUTRIDER_HOOK_DIR === undefined ? undefined : resolve(values.OUTRIDER_HOOK_DIR),
    homeAssistant: values.OUTRIDER_HOME_ASSISTANT ? bridge : undefined,
    externalBroker: values.OUTRIDER_MQTT_URL,
    dataDirectory: resolve(values.OUTRIDER_DATA),
    siteFile: values.OUTRIDER_SITE,
    agents: values.OUTRIDER_AGENTS,
    keepDemo: values.OUTRIDER_DEMO_KEEP,
    demoVirtualMachine: values.OUTRIDER_DEMO_VM,
  };
}

/** Those of some variables that were given. */
function givenOf(
  variables: Readonly<Record<string, unknown>>,
  values: Readonly<Record<string, unknown>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.keys(variables).flatMap((name) => {
      const value = values[name];
      return typeof value === "string" ? [[name, value] as const] : [];
    }),
  );
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

/** Where the demonstration's machines and its site file are. */
export function demoDirectory({ dataDirectory }: Config): string {
  return join(dataDirectory, "demo");
}

/** What systemd hands over, and the variables that a site file may name. */
function secretsIn(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value !== undefined && (name === "CREDENTIALS_DIRECTORY" || SECRET_VARIABLE.test(name))
        ? [[name, value] as const]
        : [],
    ),
  );
}

function strangers(environment: Readonly<Record<string, string | undefined>>): string[] {
  const known = Object.keys(VARIABLES);
  return (
    Object.entries(environment)
      .filter(
        ([name, value]) => name.startsWith("OUTRIDER_") && value !== undefined && value !== "",
      )
      .map(([name]) => name)
      // Secrets have names of the site's choice.
      .filter((name) => !SECRET_VARIABLE.test(name))
      .filter((name) => !known.includes(name) && !ELSEWHERE.includes(name))
      .map((name) =>
        LATER.includes(name)
          ? `${name} is set; this version does not support it yet, so nothing would act on it`
          : `${name} is not known; expected one of ${known.join(", ")}`,
      )
  );
}
