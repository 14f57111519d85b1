import { readdir, readFile } from "node:fs/promises";
import { PortError } from "@outrider/ports/port-error";
import type { Clock } from "@outrider/ports/time";
import { I2cBus, type I2cBackEnd } from "./i2c-bus.js";
import { I2cDev } from "./i2c-dev.js";
import { I2cLibrary } from "./i2c-library.js";
import { SharedDevices } from "./shared.js";

/** By what a bus is spoken to. */
export const I2C_LIBRARIES = ["i2c-dev", "i2c-bus"] as const;
export type I2cLibraryName = (typeof I2C_LIBRARIES)[number];

const SYSFS = "/sys/class/i2c-dev";
const MAKE: Readonly<Record<I2cLibraryName, (path: string) => I2cBackEnd>> = {
  "i2c-dev": (path) => new I2cDev(path),
  "i2c-bus": (path) => new I2cLibrary(path),
};

const buses = new SharedDevices<I2cBus>();

export interface I2cAdapter {
  readonly path: string;
  /** As its driver calls it: `bcm2835 (i2c@7e804000)`. */
  readonly name: string;
}

/** The I²C adapters of this host. */
export async function listI2cBuses(sysfs = SYSFS): Promise<I2cAdapter[]> {
  const names = await readdir(sysfs).catch(() => []);
  const found = await Promise.all(
    names.map(async (name) => ({
      path: `/dev/${name}`,
      name: (await readFile(`${sysfs}/${name}/name`, "utf8").catch(() => "")).trim(),
    })),
  );
  return found.toSorted((a, b) => a.path.localeCompare(b.path, "en", { numeric: true }));
}

/**
 * The device file of a bus that is named by number (`i2c-1`), path, or adapter. Opens nothing.
 * @throws PortError `unreachable`: no adapter of that name · `invalid-options`: several
 */
export async function pathOfI2cBus(bus: string, sysfs = SYSFS): Promise<string> {
  if (bus.startsWith("/")) return bus;
  if (/^i2c-\d+$/.test(bus)) return `/dev/${bus}`;
  const all = await listI2cBuses(sysfs);
  const [found, ...others] = all.filter(({ name }) => name === bus);
  if (found && others.length === 0) return found.path;
  const there = all.map(({ path, name }) => `${name} (${path})`).join(", ") || "none";
  throw new PortError(
    found ? "invalid-options" : "unreachable",
    `There ${found ? "is more than one" : "is no"} I²C adapter ${bus}. There are: ${there}. Correct the option bus, or switch I²C on.`,
  );
}

/**
 * The one connection of this process to a bus; it ends with its last user. Opening connects to nothing.
 * @param make only simulations have another: whoever comes first, makes it for all
 */
export async function useI2cBus(
  bus: string,
  library: I2cLibraryName,
  clock: Clock,
  make: (path: string) => I2cBackEnd = MAKE[library],
): Promise<{ readonly value: I2cBus; readonly path: string } & AsyncDisposable> {
  const path = await pathOfI2cBus(bus);
  // Both ways to one bus are one queue: whoever came first has chosen.
  const shared = await buses.take(path, () => new I2cBus(`The I²C bus ${path}`, make(path), clock));
  return { ...shared, path };
}
