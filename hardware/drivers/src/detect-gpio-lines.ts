import { detectGpioChips, type DetectedGpioChip } from "@outrider/transports/gpio-chip";
import type { ChipProposal } from "./detect-i2c-chips.js";

/** How many lines are named to a person. */
const NAMED = 30;

/** One line that is free on each GPIO chip of this host, with which others are. Takes none. */
export async function detectGpioProposals(): Promise<ChipProposal[]> {
  return (await detectGpioChips()).flatMap(gpioProposal);
}

/** Pure. None where all lines are taken. */
export function gpioProposal({ label, name, lines, offsets }: DetectedGpioChip): ChipProposal[] {
  const free = offsets.filter(({ consumer }) => consumer === undefined);
  const [first] = free;
  if (!first) return [];
  const names = free.map((line) => line.name).filter((one) => one !== "");
  const told =
    names.length === 0
      ? ""
      : `: ${names.slice(0, NAMED).join(", ")}${names.length > NAMED ? " …" : ""}`;
  return [
    {
      port: "digital-output",
      driver: "gpio",
      options: { chip: label, line: first.offset },
      why: `The GPIO chip ${label} (${name}) has ${lines} lines, ${free.length} of which nobody has taken${told}. What is wired to them cannot be seen.`,
      confidence: "low",
    },
  ];
}
