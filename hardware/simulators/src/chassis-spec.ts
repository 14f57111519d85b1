export const CHASSIS_FLAVOURS = ['bios', 'linux', 'uboot'] as const;
/**
 * What runs in a slot of the chassis.
 * - `bios`: x86 firmware and a boot sector that prints a banner and halts the processor; 16 MB; knows no power button.
 * - `linux`: an x86 kernel with a command loop on the console; obeys the power button; has an ext4 data disk.
 * - `uboot`: aarch64 with U-Boot on the console, as on a single-board computer.
 */
export type ChassisFlavour = (typeof CHASSIS_FLAVOURS)[number];

/** One slot of the chassis. */
export interface ChassisSlotSpec {
  readonly flavour: ChassisFlavour;
}
