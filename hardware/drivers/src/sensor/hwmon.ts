import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Optional } from "@outrider/contracts/decorators";
import type { Quantity, Sample } from "@outrider/contracts/reading";
import { defineDriver, type DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import type { SensorPort } from "@outrider/ports/sensor-port";
import { findSysfsDevice, sysfsNumber, sysfsText } from "@outrider/transports/sysfs";
import { Matches } from "class-validator";
import { scaled, sysfsSensor } from "../sysfs-sensor.js";

const CHANNEL = /^[^\n/]{1,64}$/;

/** A chip that a driver of the kernel reads. Channels by the kernel's name (`in1`) or by their label. */
export class HwmonOptions {
  /** As in `/sys/class/hwmon/hwmonN/name`. */
  @Matches(/^[^\n/]{1,64}$/) name!: string;
  /** Part of where it hangs, such as `1-0040`, where several have the same name. */
  @Optional() @Matches(/^[^\n/]{1,64}$/) device?: string;
  /** Default: the first, in the place of which `none` leaves it out. */
  @Optional() @Matches(CHANNEL) voltage?: string;
  /** Likewise. */
  @Optional() @Matches(CHANNEL) current?: string;
  /** Likewise. */
  @Optional() @Matches(CHANNEL) power?: string;
  /** Likewise. */
  @Optional() @Matches(CHANNEL) energy?: string;
  /** Likewise. */
  @Optional() @Matches(CHANNEL) temperature?: string;
  /** Likewise. */
  @Optional() @Matches(CHANNEL) humidity?: string;
  /** Likewise. */
  @Optional() @Matches(CHANNEL) fan?: string;
}

/** Linux Documentation/hwmon/sysfs-interface: units are thousandths or millionths. */
const KINDS = [
  { option: "voltage", prefix: "in", quantity: "voltageVolts", factor: 1e-3 },
  { option: "current", prefix: "curr", quantity: "currentAmperes", factor: 1e-3 },
  { option: "power", prefix: "power", quantity: "powerWatts", factor: 1e-6 },
  { option: "energy", prefix: "energy", quantity: "energyWattHours", factor: 1e-6 / 3600 },
  { option: "temperature", prefix: "temp", quantity: "temperatureCelsius", factor: 1e-3 },
  { option: "humidity", prefix: "humidity", quantity: "relativeHumidityPercent", factor: 1e-3 },
  { option: "fan", prefix: "fan", quantity: "fanRevolutionsPerMinute", factor: 1 },
] as const;

export const driver = defineDriver({
  port: "sensor",
  driver: "hwmon",
  summary:
    "A chip that a driver of the kernel of the agent's host reads: voltage, current, power, temperature, fan.",
  actions: [],
  options: HwmonOptions,
  example: { options: { name: "ina226", device: "1-0040" } },
  proof:
    "a temperature of the lm75 driver of Linux 6.1 on i2c-stub in a QEMU 7.2 guest; no other kind of reading",
  open: (options, context) => openHwmon(options, context),
});

/** @param root where `/sys` is; only tests have another */
export async function openHwmon(
  options: HwmonOptions,
  context: Pick<DriverContext, "clock">,
  root = "/",
): Promise<SensorPort> {
  const chips = join(root, "sys/class/hwmon");
  const find = () => findSysfsDevice(chips, "name", options.name, options.device);
  // What it measures is known from the options, or from the chip where it is there already.
  const folder = await find().catch((error: unknown) => {
    if (error instanceof PortError && error.code === "unreachable") return undefined;
    throw error;
  });
  const files = folder === undefined ? [] : await readdir(folder);
  const channels = KINDS.flatMap((kind) => {
    const asked = options[kind.option];
    if (asked === "none") return [];
    const first = files
      .filter((file) => file.startsWith(kind.prefix) && /^[a-z]+\d+_(input|average)$/.test(file))
      .map((file) => file.split("_")[0] ?? "")
      .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))[0];
    const channel = asked ?? first;
    return channel === undefined ? [] : [{ ...kind, channel }];
  });
  if (channels.length === 0) {
    throw new PortError(
      folder === undefined ? "unreachable" : "invalid-options",
      `The kernel's chip ${options.name} ${folder === undefined ? "is not there, so that nobody knows what it measures: name channels in the options, or load its driver" : "measures nothing of what is asked for: correct the options"}.`,
    );
  }
  const quantities = channels.map(({ quantity }): Quantity => quantity);
  return sysfsSensor(`The kernel's chip ${options.name}`, quantities, context, async () => {
    // Found anew each time: it has another number after its driver was loaded again.
    const now = await find();
    const sample: Partial<Record<Quantity, Sample[Quantity]>> = {};
    for (const { prefix, channel, quantity, factor } of channels) {
      const name = await named(now, prefix, channel);
      let value = await sysfsNumber(join(now, `${name}_input`));
      if (value === "NotPresent") value = await sysfsNumber(join(now, `${name}_average`));
      // What the kernel itself takes for a broken sensor.
      if ((await sysfsNumber(join(now, `${name}_fault`))) === 1) value = "NoReading";
      sample[quantity] = scaled(value, factor);
    }
    return sample;
  });
}

/** The kernel's name of a channel that is named by its label. */
async function named(folder: string, prefix: string, channel: string): Promise<string> {
  if (new RegExp(`^${prefix}\\d+$`).test(channel)) return channel;
  for (const file of await readdir(folder)) {
    const label = new RegExp(`^(${prefix}\\d+)_label$`).exec(file)?.[1];
    if (label !== undefined && (await sysfsText(join(folder, file))) === channel) return label;
  }
  return channel;
}
