import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  EnvironmentError,
  mqttUrl,
  optionalText,
  pattern,
  readEnvironment,
  text,
} from "@outrider/contracts/environment";
import { agentId, ID_PATTERN, type AgentId } from "@outrider/contracts/ids";
import { programDirectories, ProgramStore } from "./program-store.js";
import { ownFiles, SecretStore, secretDirectories } from "./secret-store.js";
import { readConsoleLinkConfig, type ConsoleLinkConfig } from "./console/link-config.js";

export interface AgentConfig {
  readonly id: AgentId;
  readonly mqttUrl: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** The agent's own: journal, lock, and spools of consoles and readings. */
  readonly dataDirectory: string;
  /** Holds an id that is new at every boot of the host. */
  readonly bootIdFile: string;
  /** Resolves what options of drivers refer to. */
  readonly secrets: SecretStore;
  /** Finds the programs that options of drivers name. */
  readonly programs: ProgramStore;
  /** Where the console service is, and how much is kept for it. */
  readonly consoleLink: ConsoleLinkConfig;
  /** How much of what was measured is kept on disk until it is stored. */
  readonly readingSpoolBytes: number;
}

const SMALLEST_READING_SPOOL_BYTES = 1_048_576;

/**
 * Reads an agent's configuration, once, at start. Its secret is in the file that `OUTRIDER_AGENT_SECRET_FILE` names,
 * else in the one that the broker made on this host, else there is none and the broker must allow that.
 * @throws EnvironmentError
 */
export function readAgentConfig(
  environment: Readonly<Record<string, string | undefined>>,
): AgentConfig {
  const values = readEnvironment(
    {
      OUTRIDER_AGENT: pattern(
        "the agent's id: lower-case letters, digits and inner hyphens, at most 63",
        ID_PATTERN,
      ),
      OUTRIDER_MQTT_URL: mqttUrl("mqtt://127.0.0.1:1883"),
      OUTRIDER_DATA: text("./data"),
      OUTRIDER_AGENT_SECRET_FILE: optionalText(),
      OUTRIDER_BOOT_ID_FILE: text("/proc/sys/kernel/random/boot_id"),
      OUTRIDER_READING_SPOOL_BYTES: {
        ...pattern(`a number of bytes, at least ${SMALLEST_READING_SPOOL_BYTES}`, /^\d{7,12}$/),
        fallback: { value: "67108864" },
      },
    },
    environment,
  );
  const id = agentId(values.OUTRIDER_AGENT);
  const made = join(values.OUTRIDER_DATA, "secrets", `agent-${id}`);
  const file = values.OUTRIDER_AGENT_SECRET_FILE ?? (existsSync(made) ? made : undefined);
  const readingSpoolBytes = Number(values.OUTRIDER_READING_SPOOL_BYTES);
  if (readingSpoolBytes < SMALLEST_READING_SPOOL_BYTES) {
    throw new EnvironmentError([
      `OUTRIDER_READING_SPOOL_BYTES=${readingSpoolBytes}; expected at least ${SMALLEST_READING_SPOOL_BYTES}`,
    ]);
  }
  const dataDirectory = join(values.OUTRIDER_DATA, `agent-${id}`);
  return {
    id,
    mqttUrl: values.OUTRIDER_MQTT_URL,
    dataDirectory,
    secrets: new SecretStore(secretDirectories(dataDirectory, environment), environment, [
      ...(file === undefined ? [] : [file]),
      ...ownFiles(environment),
    ]),
    programs: new ProgramStore(programDirectories(resolve(dataDirectory)), userId()),
    bootIdFile: values.OUTRIDER_BOOT_ID_FILE,
    consoleLink: readConsoleLinkConfig(environment, values.OUTRIDER_MQTT_URL),
    readingSpoolBytes,
    ...(file === undefined ? {} : { username: `agent:${id}`, password: readSecret(file) }),
  };
}

function readSecret(file: string): string {
  try {
    const secret = readFileSync(file, "utf8").trim();
    if (secret !== "") return secret;
  } catch {
    // Said below, in the same words.
  }
  throw new EnvironmentError([
    `OUTRIDER_AGENT_SECRET_FILE=${JSON.stringify(file)}; expected a readable file that holds the agent's secret`,
  ]);
}

function userId(): number {
  const uid = process.getuid?.();
  if (uid !== undefined) return uid;
  throw new Error("an agent runs on Linux");
}
