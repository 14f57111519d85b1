import { rightsAdvice } from "@outrider/transports/device-rights";
import type { DeviceError } from "@outrider/transports/device-thread";
import { detectGpioChips, type DetectedGpioChip } from "@outrider/transports/gpio-chip";
import { listSysfsGpioChips } from "@outrider/transports/gpio-sysfs";
import { installCommand } from "@outrider/transports/optional-package";
import type { ChipProposal } from "./detect-i2c-chips.js";

/** How many lines are named to a person. */
const NAMED = 30;

/** What was found on the chips that could be opened, and why the others could not, with what to do. */
export interface GpioFindings {
  readonly proposals: readonly ChipProposal[];
  readonly failed: readonly string[];
}

/** One line that is free on each GPIO chip of this host, with which others are. Takes none. */
export async function detectGpioProposals(): Promise<GpioFindings> {
  const closed = new Map<string, DeviceError>();
  const chips = await detectGpioChips((path, error) => void closed.set(path, error));
  const failed = await Promise.all(
    [...closed].map(async ([path, { code, message }]) =>
      code === "EACCES" || code === "EPERM"
        ? `The GPIO chip ${path} is there and may not be opened. ${await rightsAdvice(path, "gpio")}`
        : `The GPIO chip ${path} could not be looked at: ${message}. Check that it is still there.`,
    ),
  );
  return { proposals: chips.flatMap(gpioProposal), failed };
}

/** Lines of chips that the kernel has no character device for. Exports none. */
export async function detectSysfsGpioProposals(sysfs: string): Promise<ChipProposal[]> {
  return (await listSysfsGpioChips(sysfs)).map(({ label, lines }) => ({
    port: "digital-output",
    driver: "gpio-sysfs",
    options: { chip: label, line: 0 },
    why: `The GPIO chip ${label} has ${lines} lines, by sysfs only: which are taken, and what is wired to them, cannot be seen. The driver needs a package; in the folder of Outrider: ${installCommand("onoff")}`,
    confidence: "low",
  }));
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
