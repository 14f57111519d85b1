import { Integer, Optional } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { I2cChipOptions } from "../i2c-options.js";
import { openI2cSensor, type I2cSensor } from "../i2c-sensor.js";

export class Emc230xOptions extends I2cChipOptions {
  /** Which of its fans, from 1. Default 1. */
  @Optional() @Integer(1, 5) fan?: number;
}

/** Microchip DS20006532: product by its number of fans. */
const FANS: Readonly<Record<number, number>> = { 0x37: 1, 0x36: 2, 0x35: 3, 0x34: 5 };
const PRODUCT = 0xfd;
const MAKER = 0xfe;
const MICROCHIP = 0x5d;
const DRIVE = 0x30;
const TACHOMETER = 0x3e;
const NEXT_FAN = 0x10;
/** Revolutions by count, with a fan of two poles and the range that Linux has it in (drivers/hwmon/emc2305.c). */
const COUNTS = 3_932_160;
const MULTIPLIER = 2;
const STANDS_BELOW = 480;

const sensor = ({ fan = 1 }: Emc230xOptions): I2cSensor => ({
  part: "EMC230x",
  address: 0x2f,
  quantities: ["fanRevolutionsPerMinute", "fanDutyPercent"],
  identify: async (chip, signal) => {
    const product = await chip.readByte(PRODUCT, signal);
    const maker = await chip.readByte(MAKER, signal);
    const fans = FANS[product];
    if (maker !== MICROCHIP || fans === undefined)
      throw chip.wrong(`it says maker 0x${maker.toString(16)}, product 0x${product.toString(16)}`);
    if (fan > fans) throw chip.wrong(`it has ${fans} fans only`);
  },
  read: async (chip, signal) => {
    const own = (fan - 1) * NEXT_FAN;
    const high = await chip.readByte(TACHOMETER + own, signal);
    const low = await chip.readByte(TACHOMETER + 1 + own, signal);
    const count = ((high << 8) | low) >> 3;
    const turns = count === 0 ? undefined : Math.floor(COUNTS / count);
    return {
      fanRevolutionsPerMinute:
        turns === undefined ? "NoReading" : turns <= STANDS_BELOW ? 0 : turns * MULTIPLIER,
      fanDutyPercent: ((await chip.readByte(DRIVE + own, signal)) / 255) * 100,
    };
  },
});

export const driver = defineDriver({
  port: "sensor",
  driver: "emc230x",
  summary:
    "One fan of an EMC2301, EMC2302, EMC2303 or EMC2305 on I²C: its speed and how it is driven.",
  actions: [],
  options: Emc230xOptions,
  example: { options: { bus: "i2c-10", address: 0x2f } },
  proof: "i2c-stub of Linux 6.1 in a QEMU 7.2 guest, its registers set by i2cset of busybox",
  open: (options, context) => openI2cSensor(sensor(options), options, context),
});
