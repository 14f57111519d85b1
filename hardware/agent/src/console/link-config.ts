import { readFileSync } from "node:fs";
import {
  EnvironmentError,
  optionalText,
  pattern,
  port,
  readEnvironment,
  yesOrNo,
} from "@outrider/contracts/environment";

/** Where the console service is. */
export interface LinkTarget {
  readonly host: string;
  readonly port: number;
  /** The certificate authority that the service's certificate must be of; undefined: no TLS. */
  readonly tls?: { readonly ca: string | undefined } | undefined;
}

export interface ConsoleLinkConfig {
  /** Undefined: nothing is dialled, because of {@link problem}. */
  readonly target: LinkTarget | undefined;
  /** Why the service cannot be dialled as it is configured, and what to set. Power goes on without. */
  readonly problem?: string | undefined;
  /** How much each console keeps on disk for a service that is away. */
  readonly spoolBytes: number;
}

const DEFAULT_PORT = 7420;
const SMALLEST_SPOOL_BYTES = 1_048_576;

/**
 * Reads how an agent reaches the console service, once, at start. Without `OUTRIDER_CONSOLE_LINK_URL` the service is
 * looked for on the host of the broker.
 * @param mqttUrl the broker's URL, checked
 * That it would be plain text beyond this host and nobody said so, or that a certificate is missing, is a problem of the
 * consoles and keeps no agent from starting: power needs none of it.
 * @throws EnvironmentError when a value cannot be read at all
 */
export function readConsoleLinkConfig(
  environment: Readonly<Record<string, string | undefined>>,
  mqttUrl: string,
): ConsoleLinkConfig {
  const values = readEnvironment(
    {
      OUTRIDER_CONSOLE_LINK_URL: {
        ...pattern(
          "a URL like tcp://127.0.0.1:7420 or tls://manager:7420",
          /^(tcp|tls):\/\/[^/@]+\/?$/,
        ),
        fallback: { value: undefined },
      },
      OUTRIDER_CONSOLE_LINK_PORT: port(DEFAULT_PORT),
      OUTRIDER_CONSOLE_LINK_CA_FILE: optionalText(),
      OUTRIDER_CONSOLE_LINK_PLAINTEXT: yesOrNo(false),
      OUTRIDER_CONSOLE_SPOOL_BYTES: {
        ...pattern(`a number of bytes, at least ${SMALLEST_SPOOL_BYTES}`, /^\d{7,12}$/),
        fallback: { value: "67108864" },
      },
    },
    environment,
  );
  const spoolBytes = Number(values.OUTRIDER_CONSOLE_SPOOL_BYTES);
  if (spoolBytes < SMALLEST_SPOOL_BYTES) {
    throw new EnvironmentError([
      `OUTRIDER_CONSOLE_SPOOL_BYTES=${spoolBytes}; expected at least ${SMALLEST_SPOOL_BYTES}`,
    ]);
  }
  const caFile = values.OUTRIDER_CONSOLE_LINK_CA_FILE;
  const url = values.OUTRIDER_CONSOLE_LINK_URL;
  const {
    host,
    port: dialled,
    secure,
  } = addressOf(
    url ??
      `${caFile === undefined ? "tcp" : "tls"}://${new URL(mqttUrl).host.replace(/:\d+$/, "")}`,
    values.OUTRIDER_CONSOLE_LINK_PORT,
  );
  const not = (problem: string): ConsoleLinkConfig => ({ target: undefined, problem, spoolBytes });
  if (secure) {
    const ca = caFile === undefined ? undefined : readIfCan(caFile);
    if (caFile !== undefined && ca === undefined) {
      return not(
        `OUTRIDER_CONSOLE_LINK_CA_FILE=${JSON.stringify(caFile)}; expected a readable file with a certificate in PEM`,
      );
    }
    return { target: { host, port: dialled, tls: { ca } }, spoolBytes };
  }
  if (caFile !== undefined) {
    return not(
      `OUTRIDER_CONSOLE_LINK_URL=${JSON.stringify(url)}; expected tls://…, because OUTRIDER_CONSOLE_LINK_CA_FILE is set`,
    );
  }
  if (!isLoopback(host) && !values.OUTRIDER_CONSOLE_LINK_PLAINTEXT) {
    return not(
      `consoles would go to ${host} in plain text; set OUTRIDER_CONSOLE_LINK_CA_FILE for TLS, or OUTRIDER_CONSOLE_LINK_PLAINTEXT=yes where that network is trusted`,
    );
  }
  return { target: { host, port: dialled }, spoolBytes };
}

function addressOf(
  text: string,
  defaultPort: number,
): { host: string; port: number; secure: boolean } {
  const secure = text.startsWith("tls:");
  // `URL` reads hosts and ports only of schemes it knows.
  const known = text.replace(/^(tcp|tls):/, "http:");
  if (!URL.canParse(known)) {
    throw new EnvironmentError([
      `OUTRIDER_CONSOLE_LINK_URL=${JSON.stringify(text)}; expected a URL like tcp://127.0.0.1:7420`,
    ]);
  }
  const url = new URL(known);
  const named = /:(\d+)\/?$/.exec(text)?.[1];
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: named === undefined ? defaultPort : Number(named),
    secure,
  };
}

function readIfCan(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** Whether what is sent there stays on this host. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
