import type { ChassisFlavour } from "./chassis-spec.js";
import type { LinuxGuest } from "./guest-images.js";
import { machineName } from "./leftovers.js";

/** File descriptors that a QEMU is started with: its monitor and its console. */
export const MONITOR_FD = 3;
export const CONSOLE_FD = 4;
/** What QMP calls the console's device. */
export const CONSOLE_ID = "console";

interface Place {
  readonly dir: string;
  readonly slot: number;
}

/** What a machine is made of, prepared before it starts. `disk` is a raw image. */
export type Machine = Place &
  (
    | { readonly flavour: "bios" | "bios-acpi"; readonly disk: string }
    | ({ readonly flavour: "linux"; readonly disk: string } & LinuxGuest)
    | { readonly flavour: "uboot"; readonly firmware: string }
  );

/** Program and Debian package of the emulator that runs a flavour. */
export function emulator(flavour: ChassisFlavour): {
  readonly program: string;
  readonly debianPackage: string;
} {
  return flavour === "uboot"
    ? { program: "qemu-system-aarch64", debianPackage: "qemu-system-arm" }
    : { program: "qemu-system-x86_64", debianPackage: "qemu-system-x86" };
}

/**
 * The arguments of a machine's QEMU.
 *
 * Always TCG: a KVM that opens is not yet one that works (nested and partial ones hang silently).
 * A guest that powers off or panics leaves the process alone: the supply stays on, only the chassis takes it.
 */
export function qemuArguments(machine: Machine): string[] {
  const options = [
    `-name ${machineName(machine.dir, machine.slot)}`,
    "-display none",
    "-net none",
    "-action panic=pause,shutdown=pause",
    `-chardev socket,id=monitor,fd=${MONITOR_FD}`,
    "-mon chardev=monitor,mode=control",
    `-chardev socket,id=${CONSOLE_ID},fd=${CONSOLE_FD}`,
    `-serial chardev:${CONSOLE_ID}`,
    ...flavourOptions(machine),
  ];
  const words = options.flatMap((option) => {
    const space = option.indexOf(" ");
    return [option.slice(0, space), option.slice(space + 1)];
  });
  return ["-nodefaults", "-no-user-config", ...words];
}

/** Options as `-name value`, cut at the first space. */
function flavourOptions(machine: Machine): string[] {
  if (machine.flavour === "uboot") {
    return [
      "-machine virt",
      "-cpu cortex-a53",
      "-accel tcg,tb-size=16",
      "-m 128",
      `-bios ${machine.firmware}`,
    ];
  }
  // graphics=off puts the firmware's own console on the serial line.
  const pc = [
    "-machine pc,graphics=off",
    `-drive file=${machine.disk.replaceAll(",", ",,")},format=raw,if=virtio`,
  ];
  if (machine.flavour !== "linux") {
    return [...pc, "-accel tcg,tb-size=8", "-m 16", "-device pvpanic"];
  }
  return [
    ...pc,
    "-accel tcg,tb-size=32",
    "-m 96",
    "-device pvpanic-pci",
    `-kernel ${machine.kernel}`,
    `-initrd ${machine.initramfs}`,
    // no_timer_check: under load the emulated timer fails its test. unknown_nmi_panic: an NMI from outside is meant so.
    "-append console=ttyS0 quiet no_timer_check unknown_nmi_panic sysrq_always_enabled=1 panic=0",
  ];
}
