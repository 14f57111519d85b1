import type { Quantity, Sample } from "@outrider/contracts/reading";
import type { DriverContext } from "@outrider/ports/driver";
import type { SensorPort } from "@outrider/ports/sensor-port";
import { useI2cBus } from "@outrider/transports/i2c-buses";
import { identified, I2cChip, type Identify } from "@outrider/transports/i2c-chip";
import type { I2cChipOptions } from "./i2c-options.js";
import { within } from "./sample.js";

/** A part that measures. */
export interface I2cSensor {
  readonly part: string;
  /** Its first address. */
  readonly address: number;
  readonly quantities: readonly Quantity[];
  readonly identify?: Identify;
  /** Values or absences; what is out of range becomes an absence by itself. */
  read(chip: I2cChip, signal: AbortSignal): Promise<Sample>;
}

/** Opens a chip that measures. Speaks to it only when it is read. */
export async function openI2cSensor(
  sensor: I2cSensor,
  options: I2cChipOptions,
  { clock }: DriverContext,
): Promise<SensorPort> {
  const { bus: name, address = sensor.address, library = "i2c-dev" } = options;
  const bus = await useI2cBus(name, library, clock);
  const alone = identified(new I2cChip(bus.value, address, sensor.part), sensor.identify);
  return {
    quantities: sensor.quantities,
    read: (signal) => alone(signal, async (chip) => within(await sensor.read(chip, signal))),
    [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose](),
  };
}

/** Checks the registers by which parts of Texas Instruments say what they are. */
export async function identifyTexas(
  chip: I2cChip,
  part: number,
  signal: AbortSignal,
): Promise<void> {
  const maker = await chip.readWord(0xfe, signal);
  const said = await chip.readWord(0xff, signal);
  // The last four bits are the revision.
  if (maker === 0x5449 && said >> 4 === part >> 4) return;
  throw chip.wrong(`it says maker 0x${hex(maker)}, part 0x${hex(said)}`);
}

const hex = (word: number): string => word.toString(16).padStart(4, "0");
