import { join } from "node:path";
import { defineDriver, type DriverContext } from "@outrider/ports/driver";
import type { SensorPort } from "@outrider/ports/sensor-port";
import { findSysfsDevice, sysfsNumber } from "@outrider/transports/sysfs";
import { Matches } from "class-validator";
import { scaled, sysfsSensor } from "../sysfs-sensor.js";

export class ThermalOptions {
  /** As in `/sys/class/thermal/thermal_zoneN/type`: `cpu-thermal`. */
  @Matches(/^[^\n/]{1,64}$/) type!: string;
}

export const driver = defineDriver({
  port: "sensor",
  driver: "thermal",
  summary: "A thermal zone of the kernel of the agent's host: one temperature.",
  actions: [],
  options: ThermalOptions,
  example: { options: { type: "cpu-thermal" } },
  open: (options, context) => openThermal(options, context),
});

/** @param root where `/sys` is; only tests have another */
export async function openThermal(
  { type }: ThermalOptions,
  context: Pick<DriverContext, "clock">,
  root = "/",
): Promise<SensorPort> {
  return sysfsSensor(`Thermal zone ${type}`, ["temperatureCelsius"], context, async () => {
    const folder = await findSysfsDevice(join(root, "sys/class/thermal"), "type", type);
    const temperatureCelsius = scaled(await sysfsNumber(join(folder, "temp")), 1e-3);
    return { temperatureCelsius };
  });
}
