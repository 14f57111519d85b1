import { isIP } from "node:net";
import { EnvironmentError, port, yesOrNo, type Variable } from "@outrider/contracts/environment";
import { readServiceConfig, type ServiceConfig } from "@outrider/service-kit/config";

export interface GatewayConfig extends ServiceConfig {
  /** The IP address to listen on. */
  readonly bind: string;
  /** 0: a free one. */
  readonly httpPort: number;
  /** Names, beside its addresses, that people reach this gateway by. */
  readonly hosts: readonly string[];
  /** Whether this is the built-in demonstration, in which whoever is on this machine may act. */
  readonly demo?: boolean;
}

const HOST = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i;

const address = (fallback: string): Variable<string> => ({
  expected: "an IP address of this machine",
  read: (text) => (isIP(text) === 0 ? undefined : text),
  fallback: { value: fallback },
});

const hostNames: Variable<readonly string[]> = {
  expected: "host names without ports, separated by commas",
  read: (text) => {
    const names = text.split(",").map((name) => name.trim());
    return names.every((name) => HOST.test(name)) ? names : undefined;
  },
  fallback: { value: [] },
};

/** @throws EnvironmentError */
export function readGatewayConfig(
  environment: Readonly<Record<string, string | undefined>>,
): GatewayConfig {
  const { own, ...common } = readServiceConfig("gateway", environment, {
    OUTRIDER_BIND: address("127.0.0.1"),
    OUTRIDER_HTTP_PORT: port(8080),
    OUTRIDER_HTTP_HOSTS: hostNames,
    OUTRIDER_HTTP_PLAINTEXT: yesOrNo(false),
    OUTRIDER_DEMO: yesOrNo(false),
  });
  const isLoopback = own.OUTRIDER_BIND === "::1" || own.OUTRIDER_BIND.startsWith("127.");
  if (!isLoopback && !own.OUTRIDER_HTTP_PLAINTEXT) {
    throw new EnvironmentError([
      `OUTRIDER_BIND=${JSON.stringify(own.OUTRIDER_BIND)}; expected 127.0.0.1 or ::1, because this version has no TLS; ` +
        "put a TLS proxy before it, or OUTRIDER_HTTP_PLAINTEXT=yes lets passwords cross the network in the clear",
    ]);
  }
  return {
    ...common,
    bind: own.OUTRIDER_BIND,
    httpPort: own.OUTRIDER_HTTP_PORT,
    hosts: own.OUTRIDER_HTTP_HOSTS,
    demo: own.OUTRIDER_DEMO,
  };
}
