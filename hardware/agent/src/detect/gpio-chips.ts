import { join } from "node:path";
import type { Detector } from "./detector.js";
import { namesIn } from "./files.js";

const isChip = (name: string): boolean => /^gpiochip\d+$/.test(name);

/** GPIO chips that have lines which nobody has taken. */
export const gpioChips: Detector = {
  name: "gpio",
  detect: async ({ root, trouble, looked }) => {
    const sysfs = join(root, "sys/class/gpio");
    const hasDevices = (await namesIn(join(root, "dev"))).some(isChip);
    if (!hasDevices && !(await namesIn(sysfs)).some(isChip)) {
      looked("GPIO chips: there is none (no /dev/gpiochip*, none in /sys/class/gpio)");
      return [];
    }
    const drivers = await import("@outrider/drivers/detect-gpio-lines");
    const { proposals, failed } = hasDevices
      ? await drivers.detectGpioProposals()
      : { proposals: await drivers.detectSysfsGpioProposals(sysfs), failed: [] };
    for (const message of failed) trouble(message);
    looked(
      `the GPIO chips of the host (${hasDevices ? "/dev/gpiochip*" : "/sys/class/gpio"}): ${proposals.length === 0 ? "none has a line that nobody has taken" : `${proposals.length} with lines that nobody has taken`}`,
    );
    return proposals.map((one) => ({ ...one, options: { ...one.options } }));
  },
};
