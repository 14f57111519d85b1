/** What detectors find, called in a guest. */
import { systemClock } from "@outrider/contracts/clock";
import { detectI2cChips, type DetectedChip } from "@outrider/transports/i2c-detect";

export const chipsOn = (bus: string): Promise<DetectedChip[]> =>
  detectI2cChips(bus, systemClock, new AbortController().signal);
