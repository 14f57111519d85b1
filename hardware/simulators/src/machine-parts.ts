import { closeSync, existsSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { bootSector } from "./boot-sector.js";
import type { ChassisFlavour } from "./chassis-spec.js";
import { makeDataDisk } from "./data-disk.js";
import { linuxGuest, uBootFirmware } from "./guest-images.js";
import type { Machine } from "./qemu-command.js";
import { SlotError } from "./slot-api.js";

const BIOS_DISK_BYTES = 1_048_576;

/** Makes what a machine needs before it can start; what is there from an earlier start is kept. @throws SlotError `failed` */
export async function prepareMachine(
  dir: string,
  slot: number,
  flavour: ChassisFlavour,
): Promise<Machine> {
  const place = { dir, slot };
  const disk = join(dir, `slot-${slot}.disk`);
  try {
    switch (flavour) {
      case "bios":
      case "bios-acpi":
        writeBootDisk(disk, flavour === "bios-acpi");
        return { ...place, flavour, disk };
      case "linux": {
        const guest = linuxGuest();
        if (!guest) throw new Error("The Linux guest is not built: run dist/build-guests.js.");
        await makeDataDisk(disk);
        return { ...place, flavour, disk, ...guest };
      }
      case "uboot":
        return { ...place, flavour, firmware: uBootFirmware() };
      default:
        throw new Error(`There is no flavour ${String(flavour satisfies never)}.`);
    }
  } catch (cause) {
    throw new SlotError("failed", cause instanceof Error ? cause.message : String(cause), {
      cause,
    });
  }
}

/** The boot sector is written anew each time, the rest of the disk is the guest's. */
function writeBootDisk(file: string, button: boolean): void {
  const fd = openSync(file, existsSync(file) ? "r+" : "w+");
  writeSync(fd, bootSector({ button }), 0, undefined, 0);
  ftruncateSync(fd, BIOS_DISK_BYTES);
  closeSync(fd);
}
