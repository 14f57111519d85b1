import { defineDriver } from "@outrider/ports/driver";
import { signed16 } from "@outrider/transports/i2c-chip";
import { openI2cSensor, type I2cSensor } from "../i2c-sensor.js";
import { absent } from "../sample.js";
import { amperes, ShuntOptions } from "../shunt-options.js";
import { identifyTexas } from "../texas.js";

/** Texas Instruments SBOS547. The current is worked out here, so that no register of the chip has to be set for it. */
const CONFIGURATION = 0;
const SHUNT = 1;
const BUS = 2;
const SHUNT_LSB_VOLTS = 2.5e-6;
const BUS_LSB_VOLTS = 1.25e-3;
/** Modes that do not measure: power-down, twice. */
const IDLE = [0, 4];

const QUANTITIES = ["voltageVolts", "shuntVoltageVolts", "currentAmperes", "powerWatts"] as const;

const sensor = (options: ShuntOptions): I2cSensor => ({
  part: "INA226",
  address: 0x40,
  quantities: QUANTITIES,
  identify: identifyTexas("ina226"),
  read: async (chip, signal) => {
    if (IDLE.includes((await chip.readWord(CONFIGURATION, signal)) & 7))
      return absent(QUANTITIES, "NoReading");
    const shuntVoltageVolts = signed16(await chip.readWord(SHUNT, signal)) * SHUNT_LSB_VOLTS;
    const voltageVolts = (await chip.readWord(BUS, signal)) * BUS_LSB_VOLTS;
    const currentAmperes = amperes(shuntVoltageVolts, options);
    return {
      voltageVolts,
      shuntVoltageVolts,
      currentAmperes,
      powerWatts: voltageVolts * currentAmperes,
    };
  },
});

export const driver = defineDriver({
  port: "sensor",
  driver: "ina226",
  summary: "An INA226 on I²C: voltage, current and power of one supply.",
  actions: [],
  options: ShuntOptions,
  example: { options: { bus: "i2c-1", address: 0x41, shuntMilliohms: 10 } },
  proof: "i2c-stub of Linux 6.1 in a QEMU 7.2 guest, its registers set by i2cset of busybox",
  open: (options, context) => openI2cSensor(sensor(options), options, context),
});
