import { Optional, Text } from "@outrider/contracts/decorators";
import type { Absence, Quantity } from "@outrider/contracts/reading";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { EXAMPLE_BMC, IpmiOptions, openIpmi } from "../ipmi-bmc.js";

/** Names of sensors as `ipmitool sdr` prints them. */
export class IpmiSensorOptions extends IpmiOptions {
  /** Name of a temperature: `CPU Temp`. */
  @Optional() @Text(64) temperature?: string;
  /** Name of a fan. */
  @Optional() @Text(64) fan?: string;
  /** Name of a voltage. */
  @Optional() @Text(64) voltage?: string;
  /** Name of a current. */
  @Optional() @Text(64) current?: string;
  /** Name of a power: `Total_Power`. */
  @Optional() @Text(64) power?: string;
}

/** Which quantity each option is, and what ipmitool calls its unit. */
const KINDS = {
  temperature: { quantity: "temperatureCelsius", unit: "degrees C" },
  fan: { quantity: "fanRevolutionsPerMinute", unit: "RPM" },
  voltage: { quantity: "voltageVolts", unit: "Volts" },
  current: { quantity: "currentAmperes", unit: "Amps" },
  power: { quantity: "powerWatts", unit: "Watts" },
} as const satisfies Record<string, { quantity: Quantity; unit: string }>;
const NAMES = Object.keys(KINDS) as (keyof typeof KINDS)[];

export const driver = defineDriver({
  port: "sensor",
  driver: "ipmi",
  summary: "Sensors of a BMC that speaks IPMI 2.0: temperature, fan, voltage, current, power.",
  actions: [],
  options: IpmiSensorOptions,
  example: { options: { ...EXAMPLE_BMC, temperature: "CPU Temp" } },
  proof: "ipmitool 1.8.19 with ipmi_sim 2.0.33",
  open: async (options, context) => {
    const wanted = NAMES.filter((name) => options[name] !== undefined);
    if (wanted.length === 0) {
      throw new PortError(
        "invalid-options",
        `The options ${NAMES.join(", ")}: name at least one. Correct the endpoint.`,
      );
    }
    const bmc = await openIpmi(options, context);
    return {
      quantities: wanted.map((name) => KINDS[name].quantity),
      read: async (signal) => {
        const lines = (await bmc.sensors(signal)).split("\n").map((line) => line.split(","));
        return Object.fromEntries(
          wanted.map((name) => [
            KINDS[name].quantity,
            valueIn(lines, options[name] ?? "", KINDS[name].unit),
          ]),
        );
      },
      [Symbol.asyncDispose]: async () => {},
    };
  },
});

/** @param lines name, value, unit, status */
function valueIn(
  lines: readonly (readonly string[])[],
  name: string,
  unit: string,
): number | Absence {
  const line = lines.find(([first]) => first === name);
  if (line === undefined) return "NotPresent";
  const [, text = "", said, status] = line;
  const value = Number(text);
  // `ns`: no reading at present, as ipmitool writes it.
  if (status === "ns" || text === "" || said !== unit || !Number.isFinite(value))
    return "NoReading";
  return value;
}
