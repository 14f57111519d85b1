import { access, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { PortKind } from "@outrider/ports/driver";
import type { Clock } from "@outrider/ports/time";
import { PortError } from "@outrider/ports/port-error";
import { rightsAdvice } from "@outrider/transports/device-rights";
import { I2cError } from "@outrider/transports/i2c-bus";
import { listI2cBuses, type I2cAdapter } from "@outrider/transports/i2c-buses";
import { detectI2cChips, type DetectedChip } from "./i2c-detect.js";
import { listDrivers, loadDriver } from "./registry.js";

/** A chip that a driver of ours may be for. */
export interface ChipProposal {
  readonly port: PortKind;
  readonly driver: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly why: string;
  readonly confidence: "high" | "medium" | "low";
}

/**
 * Buses on which nobody's chips hang but a monitor's or a PC's own: a byte too many there has broken memory modules
 * and clocks before.
 */
const LEFT_ALONE = /smbus (?!stub)|ddc|hdmi|aux|dpdc|gmbus|i915|amdgpu|radeon|nvidia|nouveau/i;
/** In a PC it leads to touch pads and chargers, on a Raspberry Pi 5 to the header. */
const OF_A_PC_OR_A_BOARD = /designware/i;

/**
 * Whether a bus is looked at. Pure.
 * @param adapter its name
 * @param isOfBoard whether a device tree declares it, as that of a board computer does, and not ACPI or PCI
 */
export function isLookedAt(adapter: string, isOfBoard: boolean): boolean {
  return !LEFT_ALONE.test(adapter) && (isOfBoard || !OF_A_PC_OR_A_BOARD.test(adapter));
}

/** What was found on the buses that could be used, and why the others could or should not, with what to do. */
export interface ChipFindings {
  readonly proposals: readonly ChipProposal[];
  readonly failed: readonly string[];
}

/**
 * The chips on this host's I²C buses that there are drivers for. Nothing is switched by looking.
 * @param sysfs where the kernel's `/sys` is
 * @throws the signal's reason
 */
export async function detectI2cProposals(
  sysfs: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<ChipFindings> {
  const proposals: ChipProposal[] = [];
  const failed: string[] = [];
  const all = await listI2cBuses(join(sysfs, "class/i2c-dev"));
  if (all.length === 0) failed.push(...(await withoutDevices(sysfs)));
  const { buses, others } = await divided(sysfs, all);
  if (others.length > 0) failed.push(leftAlone(others));
  for (const { path, name } of buses) {
    const bus = path.replace("/dev/", "");
    try {
      for (const chip of await detectI2cChips(bus, clock, signal)) {
        const proposal = await proposalOf(bus, name, chip);
        if (proposal) proposals.push(proposal);
      }
    } catch (error) {
      if (!(error instanceof PortError)) throw error;
      const denied = error.cause instanceof I2cError && error.cause.fault === "denied";
      failed.push(
        denied
          ? `The I²C bus ${path} (${name}) is there and may not be opened. ${await rightsAdvice(path, "i2c-dev")}`
          : error.message,
      );
    }
  }
  return { proposals, failed };
}

async function divided(
  sysfs: string,
  adapters: readonly I2cAdapter[],
): Promise<Record<"buses" | "others", I2cAdapter[]>> {
  const buses: I2cAdapter[] = [];
  const others: I2cAdapter[] = [];
  for (const one of adapters) {
    const device = join(sysfs, "bus/i2c/devices", basename(one.path));
    (isLookedAt(one.name, await isDeclaredByTree(device)) ? buses : others).push(one);
  }
  return { buses, others };
}

/** Some kernels say so of the adapter, all of the controller that it belongs to. */
async function isDeclaredByTree(device: string): Promise<boolean> {
  const adapter = await realpath(device).catch(() => device);
  const seen = [adapter, dirname(adapter)].map((one) =>
    access(join(one, "of_node")).then(
      () => true,
      () => false,
    ),
  );
  return (await Promise.all(seen)).includes(true);
}

function leftAlone(buses: readonly I2cAdapter[]): string {
  const names = buses.map(({ path, name }) => `${path} (${name})`).join(", ");
  return `Not looked at: ${names}, where monitors, memory and the parts of a PC hang, which a byte too many can break. Declare a chip of yours there by hand.`;
}

/** Adapters that the kernel has, and no program can speak to. */
async function withoutDevices(sysfs: string): Promise<string[]> {
  const all = await listI2cBuses(join(sysfs, "bus/i2c/devices"));
  const adapters = all.filter(({ path }) => /\/i2c-\d+$/.test(path));
  const names = (await divided(sysfs, adapters)).buses.map(({ name }) => name);
  if (names.length === 0) return [];
  return [
    `There are I²C adapters (${names.join(", ")}) and no /dev/i2c-N for them. On the agent's host: modprobe i2c-dev, and for each start write i2c-dev into /etc/modules-load.d/i2c.conf.`,
  ];
}

/** What a chip at an address could be declared as; nothing where the kernel has it, which `hwmon` reads. */
export async function proposalOf(
  bus: string,
  adapter: string,
  { address, parts, identified, kernel }: DetectedChip,
): Promise<ChipProposal | undefined> {
  const [driver, ...others] = parts;
  if (kernel || driver === undefined) return undefined;
  const place = `0x${address.toString(16)} of ${bus} (${adapter})`;
  const port = (await listDrivers()).find(
    (one) => one.driver === driver && (one.port === "sensor" || one.port === "digital-output"),
  )?.port;
  if (port === undefined) return undefined;
  const { example } = await loadDriver(port, driver);
  const { bus: _bus, address: _address, ...rest } = example.options as Record<string, unknown>;
  const guessed = Object.keys(rest);
  const assumed =
    guessed.length === 0
      ? ""
      : ` ${guessed.join(", ")} cannot be seen from here and stands as in the example: look at the board.`;
  const why = identified
    ? `The chip at ${place} says that it is an ${driver.toUpperCase()}.`
    : `Something answers at ${place}, where ${[driver, ...others].join(", ")} live; it does not say what it is.`;
  return {
    port,
    driver,
    options: { ...rest, bus, address },
    why: why + assumed,
    confidence: identified ? "high" : others.length === 0 ? "medium" : "low",
  };
}
