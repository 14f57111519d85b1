import { basename, join } from "node:path";
import type { EndpointProposal } from "@outrider/contracts/agent-request";
import type { Detector } from "./detector.js";
import { namesIn, targetOf, textOf } from "./files.js";

/** `temp1_input` and its like: what the kernel reads of a chip. */
const INPUT = /^(in|curr|power|energy|temp|humidity|fan)(\d+)_(input|average)$/;

/**
 * What the kernel of the agent's host measures already. It is of a node only where the agent runs on that node, or
 * where its host's wires lead to one.
 */
export const boardSensors: Detector = {
  name: "hwmon",
  detect: async ({ root, looked }) => {
    const chips = join(root, "sys/class/hwmon");
    const proposals: EndpointProposal[] = [];
    const found = await Promise.all(
      (await namesIn(chips)).map(async (chip) => ({
        chip,
        name: await textOf(join(chips, chip, "name")),
        device: await targetOf(join(chips, chip, "device")),
      })),
    );
    for (const { chip, name, device } of found) {
      if (name === undefined) continue;
      // Only where the name alone would leave open which of them it is.
      const several = found.filter((one) => one.name === name).length > 1;
      const where = several && device !== undefined ? { device: basename(device) } : {};
      const inputs = (await namesIn(join(chips, chip))).filter((file) => INPUT.test(file));
      if (inputs.length === 0) continue;
      proposals.push({
        port: "sensor",
        driver: "hwmon",
        options: { name, ...where },
        why: `The kernel of the agent's host reads ${inputs.length} values of the chip ${name} (${inputs.slice(0, 6).join(", ")}). It is a node's only where its wires lead there.`,
        confidence: "low",
      });
    }
    const zones = join(root, "sys/class/thermal");
    for (const zone of (await namesIn(zones)).filter((one) => one.startsWith("thermal_zone"))) {
      const type = await textOf(join(zones, zone, "type"));
      if (type === undefined) continue;
      proposals.push({
        port: "sensor",
        driver: "thermal",
        options: { type },
        why: `Thermal zone ${type} of the agent's own host.`,
        confidence: "low",
      });
    }
    looked(
      `what the kernel of the host measures (/sys/class/hwmon, /sys/class/thermal): ${proposals.length === 0 ? "nothing" : `${proposals.length} chips and zones`}`,
    );
    return proposals;
  },
};
