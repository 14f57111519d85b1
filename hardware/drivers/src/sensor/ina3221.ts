import { Integer } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { signed16 } from "@outrider/transports/i2c-chip";
import { openI2cSensor, type I2cSensor } from "../i2c-sensor.js";
import { absent } from "../sample.js";
import { amperes, ShuntOptions } from "../shunt-options.js";
import { identifyTexas } from "../texas.js";

export class Ina3221Options extends ShuntOptions {
  /** Which of its three channels, from 1. */
  @Integer(1, 3) channel!: number;
}

/** Texas Instruments SBOS576. */
const CONFIGURATION = 0;
const IDLE = [0, 4];
const SHUNT_LSB_VOLTS = 40e-6;
const BUS_LSB_VOLTS = 8e-3;

const QUANTITIES = ["voltageVolts", "shuntVoltageVolts", "currentAmperes", "powerWatts"] as const;

const sensor = (options: Ina3221Options): I2cSensor => ({
  part: "INA3221",
  address: 0x40,
  quantities: QUANTITIES,
  identify: identifyTexas("ina3221"),
  read: async (chip, signal) => {
    const { channel } = options;
    const configuration = await chip.readWord(CONFIGURATION, signal);
    const enabled = (configuration & (1 << (15 - channel))) !== 0;
    if (!enabled || IDLE.includes(configuration & 7)) return absent(QUANTITIES, "NoReading");
    const of = async (register: number): Promise<number> =>
      signed16(await chip.readWord(register, signal)) >> 3;
    const shuntVoltageVolts = (await of(channel * 2 - 1)) * SHUNT_LSB_VOLTS;
    const voltageVolts = (await of(channel * 2)) * BUS_LSB_VOLTS;
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
  driver: "ina3221",
  summary: "One channel of an INA3221 on I²C: voltage, current and power of one supply.",
  actions: [],
  options: Ina3221Options,
  example: { options: { bus: "i2c-1", address: 0x42, channel: 1, shuntMilliohms: 100 } },
  proof: "i2c-stub of Linux 6.1 in a QEMU 7.2 guest, its registers set by i2cset of busybox",
  open: (options, context) => openI2cSensor(sensor(options), options, context),
});
