import { Optional } from "@outrider/contracts/decorators";
import type { ConsoleListener } from "@outrider/ports/console-port";
import { defineDriver } from "@outrider/ports/driver";
import { endSol, openSol } from "@outrider/transports/ipmi-sol";
import { ReconnectingLine, type OpenLine } from "@outrider/transports/reconnecting-line";
import { IsBoolean } from "class-validator";
import { EXAMPLE_BMC, IpmiOptions, openIpmi } from "../ipmi-bmc.js";

export class IpmiSolOptions extends IpmiOptions {
  /** True ends a session that somebody else has, before each opening. Default: false, the endpoint waits and says why. */
  @Optional() @IsBoolean() takeOver?: boolean;
}

export const driver = defineDriver({
  port: "console",
  driver: "ipmi-sol",
  summary:
    "The serial port of a machine behind a BMC, by IPMI's serial over LAN (ipmitool on the agent's host); it carries no break.",
  actions: [],
  options: IpmiSolOptions,
  exclusive: ["host", "port"],
  exclusiveDefaults: { port: 623 },
  network: "host",
  example: { options: EXAMPLE_BMC },
  proof: "ipmitool 1.8.19 with ipmi_sim of OpenIPMI 2.0.33",
  open: async (options, context) => {
    const bmc = await openIpmi(options, context);
    const { clock } = context;
    const open = async (listener: ConsoleListener, signal: AbortSignal): Promise<OpenLine> => {
      if (options.takeOver === true) await endSol(bmc, signal);
      return openSol(bmc, clock, listener, signal);
    };
    let opening: Promise<unknown> = Promise.resolve();
    const line = new ReconnectingLine({
      clock,
      what: `The console of ${bmc.address}`,
      open: (listener, signal) => {
        const opened = open(listener, signal);
        opening = Promise.allSettled([opening, opened]);
        return opened;
      },
    });
    return {
      device: bmc.address,
      start: (listener) => line.start(listener),
      write: (bytes, signal) => line.write(bytes, signal),
      [Symbol.asyncDispose]: async () => {
        await line[Symbol.asyncDispose]();
        // What was given up while it opened still takes its leave of the BMC.
        await opening;
      },
    };
  },
});
