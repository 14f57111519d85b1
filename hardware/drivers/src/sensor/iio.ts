import { join } from "node:path";
import { Finite, Optional } from "@outrider/contracts/decorators";
import type { Quantity } from "@outrider/contracts/reading";
import { defineDriver, type DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import type { SensorPort } from "@outrider/ports/sensor-port";
import { findSysfsDevice, sysfsNumber } from "@outrider/transports/sysfs";
import { Matches } from "class-validator";
import { scaled, sysfsSensor } from "../sysfs-sensor.js";

export class IioOptions {
  /** As in `/sys/bus/iio/devices/iio:deviceN/name`: `ads1015`, which is what Linux calls an ADS1115, too. */
  @Matches(/^[^\n/]{1,64}$/) name!: string;
  /** Part of where it hangs, such as `1-0048`, where several have the same name. */
  @Optional() @Matches(/^[^\n/]{1,64}$/) device?: string;
  /** One channel: `in_voltage0`, `in_current1`, `in_power0`, `in_temp`, `in_humidityrelative`. */
  @Matches(/^in_(voltage|current|power|temp|humidityrelative)[0-9a-z_-]{0,40}$/) channel!: string;
  /** What a divider before it divides by. Default 1. */
  @Optional() @Finite(0.001, 100_000) dividedBy?: number;
}

/** Linux Documentation/ABI/testing/sysfs-bus-iio: thousandths. */
const QUANTITY: Readonly<Record<string, Quantity>> = {
  voltage: "voltageVolts",
  current: "currentAmperes",
  power: "powerWatts",
  temp: "temperatureCelsius",
  humidityrelative: "relativeHumidityPercent",
};

export const driver = defineDriver({
  port: "sensor",
  driver: "iio",
  summary:
    "One channel of a converter or sensor that the kernel of the agent's host has under IIO.",
  actions: [],
  options: IioOptions,
  example: {
    options: { name: "ads1015", device: "1-0048", channel: "in_voltage0", dividedBy: 11 },
  },
  proof: "ti-ads1015 of Linux 6.1 on i2c-stub in a QEMU 7.2 guest",
  open: (options, context) => openIio(options, context),
});

/** @param root where `/sys` is; only tests have another */
export async function openIio(
  { name, device, channel, dividedBy = 1 }: IioOptions,
  context: Pick<DriverContext, "clock">,
  root = "/",
): Promise<SensorPort> {
  const kind = /^in_([a-z]+)/.exec(channel)?.[1] ?? "";
  const quantity = QUANTITY[kind];
  if (quantity === undefined)
    throw new PortError("invalid-options", `The option channel: ${kind} is no kind of channel.`);
  return sysfsSensor(`The kernel's converter ${name}`, [quantity], context, async () => {
    const devices = join(root, "sys/bus/iio/devices");
    const folder = await findSysfsDevice(devices, "name", name, device);
    // What channels of one type have together: differential ones are a type of their own.
    const shares = /^in_[a-z]+\d*-[a-z]/.test(channel) ? `in_${kind}-${kind}` : `in_${kind}`;
    const own = async (what: string): Promise<number | undefined> => {
      const value = await sysfsNumber(join(folder, `${channel}_${what}`));
      if (typeof value === "number") return value;
      const shared = await sysfsNumber(join(folder, `${shares}_${what}`));
      return typeof shared === "number" ? shared : undefined;
    };
    const ready = await sysfsNumber(join(folder, `${channel}_input`));
    if (ready !== "NotPresent") return { [quantity]: scaled(ready, dividedBy / 1000) };
    const raw = await sysfsNumber(join(folder, `${channel}_raw`));
    if (typeof raw === "string") return { [quantity]: raw };
    const scale = await own("scale");
    // Steps of nobody knows what are no measurement.
    if (scale === undefined) return { [quantity]: "NoReading" };
    const thousandths = (raw + ((await own("offset")) ?? 0)) * scale;
    return { [quantity]: (thousandths * dividedBy) / 1000 };
  });
}
