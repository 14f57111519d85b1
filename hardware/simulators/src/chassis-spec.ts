export const CHASSIS_FLAVOURS = ["bios", "bios-acpi", "linux", "uboot"] as const;
/**
 * What runs in a slot of the chassis.
 * - `bios`: x86 firmware and a boot sector that prints a banner and halts the processor; 16 MB; ignores its button.
 * - `bios-acpi`: the same, and powers off at a press of the button.
 * - `linux`: an x86 kernel with a command loop on the console; obeys the power button; has an ext4 data disk.
 * - `uboot`: aarch64 with U-Boot on the console, as on a single-board computer; has no button and no NMI.
 */
export type ChassisFlavour = (typeof CHASSIS_FLAVOURS)[number];

/** One slot of the chassis. */
export interface ChassisSlotSpec {
  readonly flavour: ChassisFlavour;
}

/**
 * Reads the slots of a chassis, slot 1 first: `[{"flavour": "bios"}, …]`.
 * @throws Error with the place and what was expected
 */
export function readChassisSpec(json: unknown): ChassisSlotSpec[] {
  if (!Array.isArray(json) || json.length === 0)
    throw new Error('Slots: expected a list of {"flavour": …}.');
  return json.map((entry: unknown, index) => {
    const keys = typeof entry === "object" && entry !== null ? Object.keys(entry) : [];
    const given = keys.length === 1 ? (entry as { flavour?: unknown }).flavour : undefined;
    const flavour = CHASSIS_FLAVOURS.find((known) => known === given);
    if (!flavour) {
      throw new Error(
        `Slots[${index}]: expected {"flavour": one of ${CHASSIS_FLAVOURS.join(", ")}} and nothing else.`,
      );
    }
    return { flavour };
  });
}
