import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { EXAMPLE_BMC, IpmiOptions, openIpmi } from "../ipmi-bmc.js";

const GET_CHASSIS_STATUS = [0x00, 0x01];
const CHASSIS_IDENTIFY = [0x00, 0x04];

export const driver = defineDriver({
  port: "identify",
  driver: "ipmi",
  summary: "The lamp of a machine behind a BMC that speaks IPMI 2.0.",
  actions: [],
  options: IpmiOptions,
  exclusive: ["host", "port"],
  exclusiveDefaults: { port: 623 },
  network: "host",
  example: { options: EXAMPLE_BMC },
  open: async (options, context) => {
    const bmc = await openIpmi(options, context);
    return {
      read: async (signal) => {
        // Get Chassis Status, byte 4: bit 6 says whether bits 5:4 tell the lamp (IPMI 2.0, 28.2).
        const [, , misc = 0] = await bmc.read(GET_CHASSIS_STATUS, signal);
        if ((misc & 0x40) !== 0) return (misc & 0x30) !== 0;
        throw new PortError(
          "unsupported",
          `${bmc.what} does not say whether its lamp shines. It can be set all the same.`,
        );
      },
      // Interval 0 puts it out; the second byte, where the BMC knows it, leaves it on for good.
      set: (on, signal) => bmc.act([...CHASSIS_IDENTIFY, 0, on ? 1 : 0], signal),
      [Symbol.asyncDispose]: async () => {},
    };
  },
});
