import { milliseconds, type Clock } from "@outrider/ports/time";
import { defineDriver } from "@outrider/ports/driver";
import { I2cChipOptions } from "../i2c-options.js";
import { openI2cSensor, type I2cSensor } from "../i2c-sensor.js";

/** Sensirion SHT3x-DIS data sheet: one measurement of high repeatability without clock stretching. */
const MEASURE = Uint8Array.of(0x24, 0x00);
const MEASURING = milliseconds(16);

const sensor = (clock: Clock): I2cSensor => ({
  part: "SHT3x",
  address: 0x44,
  quantities: ["temperatureCelsius", "relativeHumidityPercent"],
  read: async (chip, signal) => {
    await chip.exchange(MEASURE, 0, signal);
    await clock.sleep(MEASURING, signal);
    const answer = await chip.exchange(new Uint8Array(), 6, signal);
    const temperature = wordOf(answer.subarray(0, 3));
    const humidity = wordOf(answer.subarray(3, 6));
    return {
      temperatureCelsius:
        temperature === undefined ? "NoReading" : -45 + (175 * temperature) / 65535,
      relativeHumidityPercent: humidity === undefined ? "NoReading" : (100 * humidity) / 65535,
    };
  },
});

/** Two bytes whose checksum is right. */
function wordOf([high, low, checksum]: Uint8Array): number | undefined {
  if (high === undefined || low === undefined) return undefined;
  return crc8([high, low]) === checksum ? (high << 8) | low : undefined;
}

/** Data sheet, table 20: polynomial x⁸ + x⁵ + x⁴ + 1, begun with 0xff. */
export function crc8(bytes: readonly number[]): number {
  let crc = 0xff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1)
      crc = ((crc << 1) ^ ((crc & 0x80) === 0 ? 0 : 0x131)) & 0xff;
  }
  return crc;
}

export const driver = defineDriver({
  port: "sensor",
  driver: "sht3x",
  summary: "An SHT30, SHT31 or SHT35 on I²C: temperature and humidity.",
  actions: [],
  options: I2cChipOptions,
  example: { options: { bus: "i2c-1", address: 0x44 } },
  open: (options, context) => openI2cSensor(sensor(context.clock), options, context),
});
