/** What detectors find, called in a guest. */
import { systemClock } from "@outrider/contracts/clock";
import { detectI2cProposals, type ChipProposal } from "../detect-i2c-chips.js";
import { detectI2cChips, type DetectedChip } from "@outrider/transports/i2c-detect";

export const chipsOn = (bus: string): Promise<DetectedChip[]> =>
  detectI2cChips(bus, systemClock, new AbortController().signal);

/** As an agent of the guest would propose them. */
export async function proposedChips(): Promise<readonly ChipProposal[]> {
  const { signal } = new AbortController();
  return (await detectI2cProposals("/sys/class/i2c-dev", systemClock, signal)).proposals;
}
