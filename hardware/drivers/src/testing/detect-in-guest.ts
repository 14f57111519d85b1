/** What detectors find, called in a guest. */
import { systemClock } from "@outrider/contracts/clock";
import { detectI2cChips, type DetectedChip } from "../i2c-detect.js";

export const chipsOn = (bus: string): Promise<DetectedChip[]> =>
  detectI2cChips(bus, systemClock, new AbortController().signal);
