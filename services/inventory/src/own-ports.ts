import { port, readEnvironment } from "@outrider/contracts/environment";

/** Ports that the parts of a deployment listen on, with what for, so that no console is declared on one. */
const PORTS = {
  OUTRIDER_HTTP_PORT: port(8080),
  OUTRIDER_MQTT_PORT: port(1883),
  OUTRIDER_SSH_PORT: port(2222),
  OUTRIDER_CONSOLE_LINK_PORT: port(7420),
};

/** As they are where nothing else was said. */
export const DEFAULT_PORTS = ownPorts({});

/** @throws EnvironmentError */
export function ownPorts(
  environment: Readonly<Record<string, string | undefined>>,
): ReadonlyMap<number, string> {
  const values = readEnvironment(PORTS, environment);
  return new Map(
    Object.entries(values)
      // 0 is any that is free.
      .filter(([, value]) => value !== 0)
      .map(([name, value]) => [value, name] as const),
  );
}
