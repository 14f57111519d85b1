/** What an agent of a guest would propose, called there. */
import { systemClock } from "@outrider/contracts/clock";
import { detectI2cProposals, type ChipProposal } from "../detect-i2c-chips.js";

export async function proposedChips(): Promise<readonly ChipProposal[]> {
  const { signal } = new AbortController();
  return (await detectI2cProposals("/sys", systemClock, signal)).proposals;
}
