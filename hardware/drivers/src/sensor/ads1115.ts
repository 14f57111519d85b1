import { Finite, OneOf, Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { milliseconds, type Clock } from "@outrider/ports/time";
import { signed16 } from "@outrider/transports/i2c-chip";
import { IsIn } from "class-validator";
import { I2cChipOptions } from "../i2c-options.js";
import { openI2cSensor, type I2cSensor } from "../i2c-sensor.js";

const INPUTS = ["ain0", "ain1", "ain2", "ain3"] as const;
/** Volts of full scale by the code of the amplifier (Texas Instruments SBAS444, table 8-3). */
const SCALES = [6.144, 4.096, 2.048, 1.024, 0.512, 0.256];

export class Ads1115Options extends I2cChipOptions {
  /** Which input, against ground. */
  @OneOf(INPUTS) input!: (typeof INPUTS)[number];
  /** The most that is measured, in volts; never more than the chip's own supply. Default 4.096. */
  @Optional() @IsIn(SCALES) fullScaleVolts?: number;
  /** What a divider before the input divides by: 11 for 100 kΩ over 10 kΩ. Default 1. */
  @Optional() @Finite(0.001, 100_000) dividedBy?: number;
}

const CONVERSION = 0;
const CONFIGURATION = 1;
const START = 0x8000;
const READY = 0x8000;
const ONCE = 0x0100;
const RATE_128 = 0x0080;
const NO_COMPARATOR = 0x0003;
const CONVERTING = milliseconds(9);
const LOOKS = 5;

const sensor = (options: Ads1115Options, clock: Clock): I2cSensor => ({
  part: "ADS1115",
  address: 0x48,
  quantities: ["voltageVolts"],
  read: async (chip, signal) => {
    const { input, fullScaleVolts = 4.096, dividedBy = 1 } = options;
    const from = (4 + INPUTS.indexOf(input)) << 12;
    const gain = SCALES.indexOf(fullScaleVolts) << 9;
    const wanted = START | from | gain | ONCE | RATE_128 | NO_COMPARATOR;
    await chip.writeWord(CONFIGURATION, wanted, signal);
    for (let look = 0; look < LOOKS; look += 1) {
      await clock.sleep(CONVERTING, signal);
      const configuration = await chip.readWord(CONFIGURATION, signal);
      if ((configuration & READY) === 0) continue;
      // Somebody else, or a restart of the chip, has chosen another input meanwhile.
      if ((configuration | START) !== wanted) return { voltageVolts: "NoReading" };
      const raw = signed16(await chip.readWord(CONVERSION, signal));
      const atTheEnd = raw === 0x7fff || raw === -0x8000;
      const voltageVolts = atTheEnd ? "NoReading" : (raw / 32768) * fullScaleVolts * dividedBy;
      return { voltageVolts };
    }
    return { voltageVolts: "TimedOut" };
  },
});

export const driver = defineDriver({
  port: "sensor",
  driver: "ads1115",
  summary: "One input of an ADS1115 converter on I²C: a voltage.",
  actions: [],
  options: Ads1115Options,
  example: { options: { bus: "i2c-1", address: 0x4a, input: "ain0", dividedBy: 11 } },
  proof: "i2c-stub of Linux 6.1 in a QEMU 7.2 guest, its registers set by i2cset of busybox",
  open: (options, context) => openI2cSensor(sensor(options, context.clock), options, context),
});
