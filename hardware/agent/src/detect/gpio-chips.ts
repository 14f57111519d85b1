import { join } from "node:path";
import type { Detector } from "./detector.js";
import { namesIn } from "./files.js";

/** GPIO chips that have lines which nobody has taken. */
export const gpioChips: Detector = {
  name: "gpio",
  detect: async ({ root }) => {
    const names = await namesIn(join(root, "dev"));
    if (!names.some((name) => /^gpiochip\d+$/.test(name))) return [];
    const { detectGpioProposals } = await import("@outrider/drivers/detect-gpio-lines");
    return (await detectGpioProposals()).map((one) => ({ ...one, options: { ...one.options } }));
  },
};
