import { join } from "node:path";
import type { Detector } from "./detector.js";
import { namesIn } from "./files.js";

const isChip = (name: string): boolean => /^gpiochip\d+$/.test(name);

/** GPIO chips that have lines which nobody has taken. */
export const gpioChips: Detector = {
  name: "gpio",
  detect: async ({ root, trouble }) => {
    const sysfs = join(root, "sys/class/gpio");
    const hasDevices = (await namesIn(join(root, "dev"))).some(isChip);
    if (!hasDevices && !(await namesIn(sysfs)).some(isChip)) return [];
    const drivers = await import("@outrider/drivers/detect-gpio-lines");
    const { proposals, failed } = hasDevices
      ? await drivers.detectGpioProposals()
      : { proposals: await drivers.detectSysfsGpioProposals(sysfs), failed: [] };
    for (const message of failed) trouble(message);
    return proposals.map((one) => ({ ...one, options: { ...one.options } }));
  },
};
