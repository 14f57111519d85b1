import { defineDriver } from "@outrider/ports/driver";
import { signed16 } from "@outrider/transports/i2c-chip";
import { I2cChipOptions } from "../i2c-options.js";
import { openI2cSensor, type I2cSensor } from "../i2c-sensor.js";
import { absent } from "../sample.js";
import { identifyTexas } from "../texas.js";

/** Texas Instruments SBOS656: the resistor is in the chip. */
const CONFIGURATION = 0;
const CURRENT = 1;
const BUS = 2;
const POWER = 3;
const IDLE = [0, 4];

const QUANTITIES = ["voltageVolts", "currentAmperes", "powerWatts"] as const;

const sensor: I2cSensor = {
  part: "INA260",
  address: 0x40,
  quantities: QUANTITIES,
  identify: identifyTexas("ina260"),
  read: async (chip, signal) => {
    if (IDLE.includes((await chip.readWord(CONFIGURATION, signal)) & 7))
      return absent(QUANTITIES, "NoReading");
    return {
      currentAmperes: signed16(await chip.readWord(CURRENT, signal)) * 1.25e-3,
      voltageVolts: (await chip.readWord(BUS, signal)) * 1.25e-3,
      powerWatts: (await chip.readWord(POWER, signal)) * 10e-3,
    };
  },
};

export const driver = defineDriver({
  port: "sensor",
  driver: "ina260",
  summary: "An INA260 on I²C: voltage, current and power of one supply, by a resistor of its own.",
  actions: [],
  options: I2cChipOptions,
  example: { options: { bus: "i2c-1", address: 0x44 } },
  proof: "i2c-stub of Linux 6.1 in a QEMU 7.2 guest, its registers set by i2cset of busybox",
  open: (options, context) => openI2cSensor(sensor, options, context),
});
