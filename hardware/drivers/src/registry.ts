import { readdir } from "node:fs/promises";
import type { Driver, PortKind } from "@outrider/ports/driver";
import { isPortKind, PORT_KINDS } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";

/** What names a driver: one mechanism may have a file under several ports. */
export interface DriverKey {
  readonly port: PortKind;
  readonly driver: string;
}

/** A test, a type declaration and a map have more than one dot. */
const DRIVER_FILE = /^([a-z0-9][a-z0-9-]*)\.js$/;

/**
 * The folders are the registry: every `<port>/<driver>.js` beside this file, by port and name.
 * Imports none of them.
 * @throws TypeError when a folder is no port
 */
export async function listDrivers(root: URL = new URL(".", import.meta.url)): Promise<DriverKey[]> {
  const keys: DriverKey[] = [];
  for (const folder of await readdir(root, { withFileTypes: true })) {
    if (!folder.isDirectory() || folder.name === "testing") continue;
    if (!isPortKind(folder.name)) {
      throw new TypeError(`drivers/${folder.name}: not a port; ports are ${PORT_KINDS.join(", ")}`);
    }
    for (const file of await readdir(new URL(`${folder.name}/`, root))) {
      const driver = DRIVER_FILE.exec(file)?.[1];
      if (driver !== undefined) keys.push({ port: folder.name, driver });
    }
  }
  return keys.toSorted((a, b) => `${a.port}/${a.driver}`.localeCompare(`${b.port}/${b.driver}`));
}

/**
 * Imports one driver, and with it the libraries of its mechanism.
 * @throws PortError `unsupported` when there is no such driver; the message names those there are
 * @throws TypeError when the file declares another driver than its place says
 */
export async function loadDriver<P extends PortKind>(
  port: P,
  driver: string,
  root: URL = new URL(".", import.meta.url),
): Promise<Driver<P>> {
  const known = await listDrivers(root);
  if (!known.some((key) => key.port === port && key.driver === driver)) {
    const names = known.filter((key) => key.port === port).map((key) => key.driver);
    throw new PortError(
      "unsupported",
      `There is no such driver for ${port}. There are: ${names.join(", ")}. Correct the endpoint in the site file, or update the agent.`,
    );
  }
  const module = (await import(new URL(`${port}/${driver}.js`, root).href)) as {
    driver?: Driver<P>;
  };
  const declared = module.driver;
  if (declared?.port !== port || declared.driver !== driver) {
    throw new TypeError(`drivers/${port}/${driver}: must export \`driver\`, declared as just that`);
  }
  return declared;
}
