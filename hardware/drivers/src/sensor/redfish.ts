import { Optional, Text } from "@outrider/contracts/decorators";
import { type Absence, type Quantity } from "@outrider/contracts/reading";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { isJson, type Json } from "@outrider/transports/redfish";
import { IsBoolean } from "class-validator";
import { openRedfish, RedfishOptions, type RedfishSystem } from "../redfish-system.js";

export class RedfishSensorOptions extends RedfishOptions {
  /** Name of a temperature as the BMC lists it in the chassis's `Thermal`: `CPU Temp`. */
  @Optional() @Text(100) temperature?: string;
  /** Name of a fan as the BMC lists it there. */
  @Optional() @Text(100) fan?: string;
  /** True reads what the chassis draws. */
  @Optional() @IsBoolean() power?: boolean;
}

export const driver = defineDriver({
  port: "sensor",
  driver: "redfish",
  summary: "A temperature, a fan or the draw that a BMC measures, by Redfish.",
  actions: [],
  options: RedfishSensorOptions,
  example: {
    options: {
      url: "https://10.0.0.21",
      username: "outrider",
      password: { file: "/etc/outrider/secrets/bmc" },
      system: "1",
      temperature: "CPU Temp",
    },
  },
  proof: "sushy-emulator 2.2.0",
  open: async (options, context) => {
    const { temperature, fan, power } = options;
    const quantities: Quantity[] = [
      ...(temperature === undefined ? [] : ["temperatureCelsius" as const]),
      ...(fan === undefined ? [] : ["fanRevolutionsPerMinute" as const]),
      ...(power === true ? ["powerWatts" as const] : []),
    ];
    if (quantities.length === 0) {
      throw new PortError(
        "invalid-options",
        "The options temperature, fan and power: name at least one. Correct the endpoint.",
      );
    }
    const system = await openRedfish(options, context);
    return {
      quantities,
      read: async (signal) => {
        const chassis = await chassisOf(system, signal);
        const needsThermal = temperature !== undefined || fan !== undefined;
        const thermal = needsThermal ? await resource(system, chassis, "Thermal", signal) : {};
        return {
          ...(temperature === undefined
            ? {}
            : { temperatureCelsius: pick(thermal["Temperatures"], temperature, "ReadingCelsius") }),
          ...(fan === undefined
            ? {}
            : { fanRevolutionsPerMinute: revolutions(thermal["Fans"], fan) }),
          ...(power === true ? { powerWatts: await draw(system, chassis, signal) } : {}),
        };
      },
      [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
    };
  },
});

async function chassisOf(system: RedfishSystem, signal: AbortSignal): Promise<Json> {
  const path = system.linked(await system.get(signal), "Links", "Chassis");
  if (path !== undefined) return system.service.get(path, signal);
  throw new PortError(
    "unsupported",
    `${system.what} names no chassis, so nothing is measured there. Remove the endpoint.`,
  );
}

async function resource(
  system: RedfishSystem,
  chassis: Json,
  name: string,
  signal: AbortSignal,
): Promise<Json> {
  const path = system.linked(chassis, name);
  return path === undefined ? {} : system.service.get(path, signal);
}

function entry(list: unknown, name: string): Json | undefined {
  const found = (Array.isArray(list) ? (list as unknown[]) : []).find(
    (one) => isJson(one) && (one["Name"] === name || one["FanName"] === name),
  );
  return isJson(found) ? found : undefined;
}

function pick(list: unknown, name: string, property: string): number | Absence {
  const found = entry(list, name);
  const state = isJson(found?.["Status"]) ? found["Status"]["State"] : undefined;
  if (found === undefined || state === "Absent") return "NotPresent";
  return numberOf(found[property]);
}

/** A fan may also be told in percent; that is another quantity. */
function revolutions(list: unknown, name: string): number | Absence {
  const units = entry(list, name)?.["ReadingUnits"];
  return units === "Percent" ? "NoReading" : pick(list, name, "Reading");
}

/** The newer resource first. */
async function draw(
  system: RedfishSystem,
  chassis: Json,
  signal: AbortSignal,
): Promise<number | Absence> {
  const metrics = await resource(system, chassis, "EnvironmentMetrics", signal);
  if (isJson(metrics["PowerWatts"])) return numberOf(metrics["PowerWatts"]["Reading"]);
  const { PowerControl } = await resource(system, chassis, "Power", signal);
  const first: unknown = Array.isArray(PowerControl) ? PowerControl[0] : undefined;
  return isJson(first) ? numberOf(first["PowerConsumedWatts"]) : "NotPresent";
}

function numberOf(value: unknown): number | Absence {
  return typeof value === "number" && Number.isFinite(value) ? value : "NoReading";
}
