import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import {
  EnvironmentError,
  optionalBytes,
  optionalText,
  port,
  yesOrNo,
  type Variable,
} from "@outrider/contracts/environment";
import { readServiceConfig, type ServiceConfig } from "@outrider/service-kit/config";

export interface ConsoleConfig extends ServiceConfig {
  /** The IP address that agents and SSH clients reach. */
  readonly bind: string;
  /** Where agents bring what consoles say; 0: a free port. */
  readonly linkPort: number;
  /** PEM. Undefined: the link is not encrypted. */
  readonly linkTls?: { readonly cert: string; readonly key: string } | undefined;
  /** 0: a free port. */
  readonly sshPort: number;
  /** Where telnet, raw TCP and RFC 2217 listen; undefined: on the loopback interface. */
  readonly openBind?: string | undefined;
  /** All consoles' logs together; undefined: as follows from the disk. */
  readonly logBytes?: number | undefined;
  /** Whether this is the built-in demonstration, in which whoever is on this machine may come by SSH. */
  readonly demo?: boolean;
}

const address = (fallback: string): Variable<string> => ({
  expected: "an IP address of this machine",
  read: (text) => (isIP(text) === 0 ? undefined : text),
  fallback: { value: fallback },
});

const optionalAddress: Variable<string | undefined> = {
  ...address(""),
  fallback: { value: undefined },
};

/** @throws EnvironmentError */
export function readConsoleConfig(
  environment: Readonly<Record<string, string | undefined>>,
): ConsoleConfig {
  const { own, ...common } = readServiceConfig("console", environment, {
    OUTRIDER_BIND: address("127.0.0.1"),
    OUTRIDER_CONSOLE_LINK_PORT: port(7420),
    OUTRIDER_CONSOLE_LINK_CERT_FILE: optionalText(),
    OUTRIDER_CONSOLE_LINK_KEY_FILE: optionalText(),
    OUTRIDER_CONSOLE_LINK_PLAINTEXT: yesOrNo(false),
    OUTRIDER_SSH_PORT: port(2222),
    OUTRIDER_CONSOLE_OPEN_BIND: optionalAddress,
    OUTRIDER_CONSOLE_LOG_BYTES: optionalBytes(1),
    OUTRIDER_DEMO: yesOrNo(false),
  });
  const bind = own.OUTRIDER_BIND;
  const linkTls = tlsOf(own.OUTRIDER_CONSOLE_LINK_CERT_FILE, own.OUTRIDER_CONSOLE_LINK_KEY_FILE);
  const isLoopback = bind === "::1" || bind.startsWith("127.");
  if (!isLoopback && !linkTls && !own.OUTRIDER_CONSOLE_LINK_PLAINTEXT) {
    throw new EnvironmentError([
      `OUTRIDER_BIND=${JSON.stringify(bind)}; the console link has no certificate: set OUTRIDER_CONSOLE_LINK_CERT_FILE and ` +
        "OUTRIDER_CONSOLE_LINK_KEY_FILE, or let what is typed at consoles cross the network in the clear with OUTRIDER_CONSOLE_LINK_PLAINTEXT=yes",
    ]);
  }
  return {
    ...common,
    bind,
    linkPort: own.OUTRIDER_CONSOLE_LINK_PORT,
    linkTls,
    sshPort: own.OUTRIDER_SSH_PORT,
    openBind: own.OUTRIDER_CONSOLE_OPEN_BIND,
    logBytes: own.OUTRIDER_CONSOLE_LOG_BYTES,
    demo: own.OUTRIDER_DEMO,
  };
}

function tlsOf(
  certFile: string | undefined,
  keyFile: string | undefined,
): ConsoleConfig["linkTls"] {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    throw new EnvironmentError([
      "OUTRIDER_CONSOLE_LINK_CERT_FILE and OUTRIDER_CONSOLE_LINK_KEY_FILE; expected both or none",
    ]);
  }
  return {
    cert: readPem("OUTRIDER_CONSOLE_LINK_CERT_FILE", certFile),
    key: readPem("OUTRIDER_CONSOLE_LINK_KEY_FILE", keyFile),
  };
}

function readPem(variable: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new EnvironmentError([`${variable}: the file cannot be read: ${why}`]);
  }
}
