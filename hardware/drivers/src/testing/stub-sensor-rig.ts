import type { Sample } from "@outrider/contracts/reading";
import { expect } from "vitest";
import { joinDeviceGuest, STUB_BUS, type DeviceGuest } from "./device-guest-rig.js";
import type { SensorRig } from "./sensor-conformance.js";

/** What is written to registers, and what the sensor then measures. */
export interface Measurement {
  /** Words as data sheets have them, high byte first. */
  readonly words?: Readonly<Record<number, number>>;
  readonly bytes?: Readonly<Record<number, number>>;
  readonly sample: Sample;
}

export interface SensorOnStub {
  readonly driver: string;
  readonly address: number;
  readonly options?: object;
  /** What stays: what the part is, and how it is set up. */
  readonly always?: Pick<Measurement, "words" | "bytes">;
  readonly measurements: readonly [Measurement, Measurement, ...Measurement[]];
}

/** A sensor on the kernel's stub, its registers set by busybox. */
export async function stubSensorRig(
  { driver, address, options = {}, always = {}, measurements }: SensorOnStub,
  guest?: DeviceGuest,
): Promise<SensorRig> {
  const world = guest ?? (await joinDeviceGuest());
  await world.lock(`chip ${address}`);
  const write = async ({ words = {}, bytes = {} }: Pick<Measurement, "words" | "bytes">) => {
    for (const [register, word] of Object.entries(words)) {
      const swapped = ((word & 0xff) << 8) | (word >> 8);
      await world.poke(address, Number(register), swapped, "w");
    }
    for (const [register, byte] of Object.entries(bytes))
      await world.poke(address, Number(register), byte);
  };
  await write(always);
  await write(measurements[0]);
  let next = 0;
  return {
    open: () => world.open("sensor", { driver, options: { bus: STUB_BUS, address, ...options } }),
    measure: async () => {
      const measurement = measurements[(next += 1) % measurements.length] ?? measurements[0];
      await write(measurement);
      return Object.fromEntries(
        Object.entries(measurement.sample).map(([quantity, value]) => [
          quantity,
          typeof value === "number" ? (expect.closeTo(value, 4) as number) : value,
        ]),
      );
    },
    // A guest that was lent is its owner's.
    [Symbol.asyncDispose]: async () => (guest ? undefined : world[Symbol.asyncDispose]()),
  };
}
