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
