import { Integer, Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { signed16 } from "@outrider/transports/i2c-chip";
import { I2cChipOptions } from "../i2c-options.js";
import { openI2cSensor, type I2cSensor } from "../i2c-sensor.js";

export class Lm75Options extends I2cChipOptions {
  /** How fine it measures: LM75 9, LM75B 11, TMP75 and TMP105 12, in bits. Default 9. */
  @Optional() @Integer(9, 16) bits?: number;
}

const TEMPERATURE = 0;
const CONFIGURATION = 1;
const SHUTDOWN = 0x01;

const sensor = ({ bits = 9 }: Lm75Options): I2cSensor => ({
  part: "LM75",
  address: 0x48,
  quantities: ["temperatureCelsius"],
  read: async (chip, signal) => {
    if (((await chip.readByte(CONFIGURATION, signal)) & SHUTDOWN) !== 0)
      return { temperatureCelsius: "NoReading" };
    const raw = signed16(await chip.readWord(TEMPERATURE, signal));
    return { temperatureCelsius: (raw >> (16 - bits)) / 2 ** (bits - 8) };
  },
});

export const driver = defineDriver({
  port: "sensor",
  driver: "lm75",
  summary: "An LM75, TMP75 or another of that family on I²C: one temperature.",
  actions: [],
  options: Lm75Options,
  example: { options: { bus: "i2c-1", address: 0x49, bits: 11 } },
  proof: "i2c-stub of Linux 6.1 in a QEMU 7.2 guest, its registers set by i2cset of busybox",
  open: (options, context) => openI2cSensor(sensor(options), options, context),
});
