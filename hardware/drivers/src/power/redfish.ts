import { Optional, WordList } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import {
  SUPPLY_OFF,
  SUPPLY_ON,
  type NativeAction,
  type PowerPort,
  type PowerReading,
} from "@outrider/ports/power-port";
import { milliseconds } from "@outrider/ports/time";
import { isJson, linkOf, REDFISH_DEADLINE, type Json } from "@outrider/transports/redfish";
import { openRedfish, RedfishOptions, type RedfishSystem } from "../redfish-system.js";

const NATIVE = [
  "ForceRestart",
  "GracefulShutdown",
  "PowerCycle",
  "PushPowerButton",
  "Nmi",
] as const satisfies readonly NativeAction[];

export class RedfishPowerOptions extends RedfishOptions {
  /** What the BMC does by itself, as its `ResetType@Redfish.AllowableValues` list it. Default: ForceRestart, GracefulShutdown. */
  @Optional() @WordList(NATIVE) resetTypes?: NativeAction[];
}

export const driver = defineDriver({
  port: "power",
  driver: "redfish",
  summary: "A system behind a BMC that speaks Redfish, and what its BMC can do by itself.",
  actions: ["On", "ForceOff", ...NATIVE],
  options: RedfishPowerOptions,
  exclusive: ["url", "system"],
  network: "url",
  example: {
    options: {
      url: "https://10.0.0.21",
      username: "outrider",
      password: { file: "/etc/outrider/secrets/bmc" },
      fingerprint: "00".repeat(32),
      system: "1",
    },
  },
  proof: "sushy-emulator 2.2.0",
  open: async (options, context) =>
    portOf(
      await openRedfish(options, context),
      options.resetTypes ?? ["ForceRestart", "GracefulShutdown"],
    ),
});

/** The login is three exchanges with the way to it and to the system. */
const READ_WITHIN = milliseconds(4 * REDFISH_DEADLINE);
/** It is read, asked what it can do, and told. */
const ACT_WITHIN = milliseconds(READ_WITHIN + 2 * REDFISH_DEADLINE);

function portOf(system: RedfishSystem, offered: readonly NativeAction[]): PowerPort {
  const act = async (action: NativeAction, signal: AbortSignal): Promise<void> => {
    const now = await system.get(signal);
    if (now["PowerState"] === "Off") {
      throw new PortError(
        "refused",
        `${system.what}: the supply is off, so ${action} has no effect. Switch On.`,
      );
    }
    await reset(system, now, [action], signal);
  };
  return {
    answersWithin: { read: READ_WITHIN, act: ACT_WITHIN },
    read: async (signal) => readingOf(await system.get(signal), system.what),
    setSupply: async (on, signal) => {
      const now = await system.get(signal);
      // BMCs answer a request for the present state with an error.
      if (now["PowerState"] === (on ? "On" : "Off")) return;
      await reset(system, now, on ? ["On", "ForceOn"] : ["ForceOff"], signal);
    },
    native: Object.fromEntries(
      offered.map((action) => [action, (signal: AbortSignal) => act(action, signal)]),
    ),
    [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
  };
}

/** @param wanted reset types of which any will do, the best first */
async function reset(
  system: RedfishSystem,
  now: Json,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const actions = isJson(now["Actions"]) ? now["Actions"] : {};
  const action = actions["#ComputerSystem.Reset"];
  const target = isJson(action) ? action["target"] : undefined;
  if (!isJson(action) || typeof target !== "string" || !target.startsWith("/")) {
    throw new PortError("unsupported", `${system.what} offers no reset. Choose another driver.`);
  }
  const allowed = await allowedBy(system, action, signal);
  const type = wanted.find((one) => allowed?.includes(one) ?? true);
  if (type === undefined) {
    throw new PortError(
      "unsupported",
      `${system.what} does not offer ${wanted.join(" or ")}, only ${(allowed ?? []).join(", ")}. Correct the option resetTypes of the endpoint.`,
    );
  }
  await system.service.post(target, { ResetType: type }, signal);
}

/** What the system says it can be asked; undefined: it does not say. */
async function allowedBy(
  system: RedfishSystem,
  action: Json,
  signal: AbortSignal,
): Promise<readonly unknown[] | undefined> {
  const listed = action["ResetType@Redfish.AllowableValues"];
  if (Array.isArray(listed)) return listed as unknown[];
  const info = linkOf({ "@odata.id": action["@Redfish.ActionInfo"] });
  if (info === undefined) return undefined;
  const { Parameters } = await system.service.get(info, signal);
  const parameter = (Array.isArray(Parameters) ? (Parameters as unknown[]) : []).find(
    (one) => isJson(one) && one["Name"] === "ResetType",
  );
  const values = isJson(parameter) ? parameter["AllowableValues"] : undefined;
  return Array.isArray(values) ? (values as unknown[]) : undefined;
}

/** `PowerState` is the supply of the system; a host is only seen where the BMC tells how far it has booted. */
function readingOf(now: Json, what: string): PowerReading {
  const { PowerState: state, BootProgress: progress } = now;
  switch (state) {
    case "Off":
      return SUPPLY_OFF;
    case "On":
    case "PoweringOn":
    case "PoweringOff": {
      const reached = isJson(progress) ? progress["LastState"] : undefined;
      const running = state === "On" && reached === "OSRunning";
      return {
        supply: state,
        supplyEvidence: "ReadBack",
        host: running ? "Running" : "Unknown",
        hostEvidence: running ? "ReadBack" : "Assumed",
      };
    }
    case "Paused":
      return {
        ...SUPPLY_ON,
        problem: "The BMC says that the system is paused.",
      };
    default:
      throw new PortError(
        "protocol",
        `${what} says no PowerState that is known. Check that its firmware is a supported one.`,
      );
  }
}
