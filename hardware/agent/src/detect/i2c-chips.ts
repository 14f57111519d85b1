import { join } from "node:path";
import type { Detector } from "./detector.js";
import { namesIn } from "./files.js";

/** Chips on I²C buses that there are drivers for. */
export const i2cChips: Detector = {
  name: "i2c",
  detect: async ({ root, clock, signal, trouble, looked }) => {
    const sysfs = join(root, "sys");
    if ((await namesIn(join(sysfs, "bus/i2c/devices"))).length === 0) {
      looked(
        "I²C buses: there is none (/sys/bus/i2c/devices). On a Raspberry Pi `dtparam=i2c_arm=on` in config.txt makes one; on a PC as a rule `modprobe i2c-dev` and an adapter",
      );
      return [];
    }
    // Only now: whoever has no bus needs none of what speaks to one.
    const { detectI2cProposals } = await import("@outrider/drivers/detect-i2c-chips");
    const { proposals, failed } = await detectI2cProposals(sysfs, clock, signal);
    for (const message of failed) trouble(message);
    looked(
      `the I²C buses of the host: ${proposals.length === 0 ? "no chip that there is a driver for" : `${proposals.length} chips that there is a driver for`}`,
    );
    return proposals.map((one) => ({
      ...one,
      options: { ...one.options },
    }));
  },
};
