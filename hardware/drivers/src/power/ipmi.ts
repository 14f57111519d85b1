import { Optional, WordList } from "@outrider/contracts/decorators";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import {
  SUPPLY_OFF,
  SUPPLY_ON,
  type NativeAction,
  type PowerPort,
} from "@outrider/ports/power-port";
import { milliseconds } from "@outrider/ports/time";
import { IPMI_DEADLINE, type Ipmitool } from "@outrider/transports/ipmitool";
import { EXAMPLE_BMC, IpmiOptions, openIpmi } from "../ipmi-bmc.js";

const GET_CHASSIS_STATUS = [0x00, 0x01];
const CHASSIS_CONTROL = [0x00, 0x02];
const OFF = 0;
const ON = 1;

/** Chassis Control (IPMI 2.0, 28.3). It has no short press of the button: 5 is a shutdown by ACPI. */
const CONTROLS = {
  PowerCycle: 2,
  ForceRestart: 3,
  Nmi: 4,
  GracefulShutdown: 5,
} as const satisfies Partial<Record<NativeAction, number>>;
type Control = keyof typeof CONTROLS;
const NATIVE = Object.keys(CONTROLS) as Control[];

export class IpmiPowerOptions extends IpmiOptions {
  /** What the BMC does by itself. Default: ForceRestart, GracefulShutdown; all but these are optional by the standard. */
  @Optional() @WordList(NATIVE) controls?: Control[];
}

export const driver = defineDriver({
  port: "power",
  driver: "ipmi",
  summary: "A machine behind a BMC that speaks IPMI 2.0, by ipmitool on the agent's host.",
  actions: ["On", "ForceOff", ...NATIVE],
  options: IpmiPowerOptions,
  exclusive: ["host", "port"],
  exclusiveDefaults: { port: 623 },
  network: "host",
  example: { options: EXAMPLE_BMC },
  proof: "ipmitool 1.8.19 with a BMC of pyghmi 1.6.19",
  open: async (options, context) =>
    portOf(
      await openIpmi(options, context),
      options.controls ?? ["ForceRestart", "GracefulShutdown"],
    ),
});

function portOf(bmc: Ipmitool, offered: readonly Control[]): PowerPort {
  const isOn = async (signal: AbortSignal): Promise<boolean> => {
    const [state] = await bmc.read(GET_CHASSIS_STATUS, signal);
    if (state !== undefined) return (state & 1) === 1;
    throw new PortError("protocol", `${bmc.what} says no state. Check its firmware.`);
  };
  const act = async (action: Control, signal: AbortSignal): Promise<void> => {
    if (!(await isOn(signal))) {
      throw new PortError(
        "refused",
        `${bmc.what}: the supply is off, so ${action} has no effect. Switch On.`,
      );
    }
    await bmc.act([...CHASSIS_CONTROL, CONTROLS[action]], signal);
  };
  return {
    answersWithin: {
      read: IPMI_DEADLINE,
      // It is read, and told.
      act: milliseconds(2 * IPMI_DEADLINE),
    },
    read: async (signal) => ((await isOn(signal)) ? SUPPLY_ON : SUPPLY_OFF),
    setSupply: async (on, signal) => {
      // Some BMCs answer a request for the present state with an error.
      if ((await isOn(signal)) === on) return;
      await bmc.act([...CHASSIS_CONTROL, on ? ON : OFF], signal);
    },
    native: Object.fromEntries(
      offered.map((action) => [action, (signal: AbortSignal) => act(action, signal)]),
    ),
    [Symbol.asyncDispose]: async () => {},
  };
}
