import { PortError } from "@outrider/ports/port-error";
import type { Clock } from "@outrider/ports/time";
import { I2cError, type I2cBus } from "@outrider/transports/i2c-bus";
import { useI2cBus } from "@outrider/transports/i2c-buses";
import { I2cChip } from "@outrider/transports/i2c-chip";
import { texasPartOf } from "./texas.js";

/** What answers at an address. */
export interface DetectedChip {
  readonly address: number;
  /** Drivers that it may be for, by their names; one alone was identified. Empty: the kernel has it. */
  readonly parts: readonly string[];
  /** Whether it has said itself what it is. */
  readonly identified: boolean;
  /** Whether a driver of the kernel has it: `sensor/hwmon` or `digital-output/gpio` are for it then. */
  readonly kernel: boolean;
}

/**
 * Where parts live that there are drivers for. Only where nothing can be switched by it is a register's number sent:
 * to a PCF8574, a potentiometer or a converter for outputs such a byte would be an order. Elsewhere bytes are only read.
 */
const PLACES: readonly { first: number; last: number; parts: readonly string[]; asks?: true }[] = [
  { first: 0x20, last: 0x27, parts: ["pca9555", "mcp23017", "pcf8574"] },
  { first: 0x2c, last: 0x2f, parts: ["emc230x"] },
  { first: 0x38, last: 0x3f, parts: ["pcf8574"] },
  { first: 0x40, last: 0x43, parts: ["ina219"], asks: true },
  { first: 0x44, last: 0x45, parts: ["ina219", "sht3x"], asks: true },
  { first: 0x46, last: 0x47, parts: ["ina219"], asks: true },
  { first: 0x48, last: 0x4b, parts: ["tmp102", "lm75", "ads1115", "ina219"], asks: true },
  { first: 0x4c, last: 0x4f, parts: ["lm75", "ina219"], asks: true },
];

/**
 * Looks for chips that there are drivers for.
 * @param bus as the option of drivers: `i2c-1`
 * @throws PortError when the bus cannot be used · the signal's reason
 */
export async function detectI2cChips(
  bus: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<DetectedChip[]> {
  await using shared = await useI2cBus(bus, "i2c-dev", clock);
  const found: DetectedChip[] = [];
  for (const { first, last, parts, asks } of PLACES) {
    for (let address = first; address <= last; address += 1) {
      const there = await answers(shared.value, address, signal);
      if (there === "nobody") continue;
      const kernel = there === "kernel";
      const itself =
        asks && !kernel
          ? await nameOf(new I2cChip(shared.value, address, "chip"), signal)
          : undefined;
      found.push({
        address,
        parts: kernel ? [] : itself === undefined ? parts : [itself],
        identified: itself !== undefined,
        kernel,
      });
    }
  }
  return found;
}

async function answers(
  bus: I2cBus,
  address: number,
  signal: AbortSignal,
): Promise<"chip" | "kernel" | "nobody"> {
  try {
    await bus.transfer({ kind: "receive-byte", address }, signal);
    return "chip";
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    const fault = error.cause instanceof I2cError ? error.cause.fault : undefined;
    if (fault === "no-answer") return "nobody";
    if (fault === "busy") return "kernel";
    throw error;
  }
}

async function nameOf(chip: I2cChip, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await texasPartOf(chip, signal);
  } catch (error) {
    if (error instanceof PortError) return undefined;
    throw error;
  }
}
