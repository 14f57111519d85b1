import { defineDriver } from "@outrider/ports/driver";
import { signed16 } from "@outrider/transports/i2c-chip";
import { I2cChipOptions } from "../i2c-options.js";
import { openI2cSensor, type I2cSensor } from "../i2c-sensor.js";

/** Texas Instruments SBOS397. */
const TEMPERATURE = 0;
const CONFIGURATION = 1;
const EXTENDED = 0x0010;
const SHUTDOWN = 0x0100;

const sensor: I2cSensor = {
  part: "TMP102",
  address: 0x48,
  quantities: ["temperatureCelsius"],
  read: async (chip, signal) => {
    const configuration = await chip.readWord(CONFIGURATION, signal);
    if ((configuration & SHUTDOWN) !== 0) return { temperatureCelsius: "NoReading" };
    const raw = signed16(await chip.readWord(TEMPERATURE, signal));
    const bits = (configuration & EXTENDED) === 0 ? 4 : 3;
    return { temperatureCelsius: (raw >> bits) * 0.0625 };
  },
};

export const driver = defineDriver({
  port: "sensor",
  driver: "tmp102",
  summary: "A TMP102 on I²C: one temperature.",
  actions: [],
  options: I2cChipOptions,
  example: { options: { bus: "i2c-1", address: 0x48 } },
  proof: "i2c-stub of Linux 6.1 in a QEMU 7.2 guest, its registers set by i2cset of busybox",
  open: (options, context) => openI2cSensor(sensor, options, context),
});
