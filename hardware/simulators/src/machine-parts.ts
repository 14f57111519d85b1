import { existsSync, openSync, closeSync, ftruncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { bootSector } from "./boot-sector.js";
import type { ChassisFlavour } from "./chassis-spec.js";
import type { Machine } from "./qemu-command.js";
import { SlotError } from "./slot-api.js";

const BIOS_DISK_BYTES = 1_048_576;

/** Makes what a machine needs before it can start; what is there from an earlier start is kept. @throws SlotError `failed` */
export function prepareMachine(
  dir: string,
  slot: number,
  flavour: ChassisFlavour,
): Promise<Machine> {
  const machine = { flavour, dir, slot };
  switch (flavour) {
    case "bios":
    case "bios-acpi":
      return Promise.resolve({ ...machine, disk: biosDisk(dir, slot, flavour === "bios-acpi") });
    default:
      return Promise.reject(new SlotError("failed", `The flavour ${flavour} is not built.`));
  }
}

/** The boot sector is written anew each time, the rest of the disk is the guest's. */
function biosDisk(dir: string, slot: number, button: boolean): string {
  const file = join(dir, `slot-${slot}.disk`);
  const fd = openSync(file, existsSync(file) ? "r+" : "w+");
  writeSync(fd, bootSector({ button }), 0, undefined, 0);
  ftruncateSync(fd, BIOS_DISK_BYTES);
  closeSync(fd);
  return file;
}
