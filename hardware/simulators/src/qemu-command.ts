import type { ChassisFlavour } from "./chassis-spec.js";
import type { LinuxGuest } from "./guest-images.js";
import { machineName } from "./leftovers.js";

/** File descriptors that a QEMU is started with: its monitor and its console. */
export const MONITOR_FD = 3;
export const CONSOLE_FD = 4;

/** What a machine is made of, prepared before it starts. */
export interface Machine {
  readonly flavour: ChassisFlavour;
  readonly dir: string;
  readonly slot: number;
  /** Raw image of the machine's disk, where the flavour has one. */
  readonly disk?: string;
  readonly linux?: LinuxGuest;
  /** Firmware image of a `uboot` machine. */
  readonly firmware?: string;
}

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
  return [
    ...["-name", machineName(machine.dir, machine.slot)],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-net", "none"],
    ...["-action", "panic=pause,shutdown=pause"],
    ...["-chardev", `socket,id=monitor,fd=${MONITOR_FD}`, "-mon", "chardev=monitor,mode=control"],
    ...["-chardev", `socket,id=console,fd=${CONSOLE_FD}`, "-serial", "chardev:console"],
    ...flavourArguments(machine),
  ];
}

function flavourArguments(machine: Machine): string[] {
  switch (machine.flavour) {
    case "bios":
    case "bios-acpi":
      // graphics=off puts the firmware's own console on the serial line.
      return [
        ...[
          "-machine",
          "pc,graphics=off",
          "-accel",
          "tcg,tb-size=8",
          "-m",
          "16",
          "-device",
          "pvpanic",
        ],
        ...drive(machine.disk),
      ];
    case "linux":
      return [
        ...[
          "-machine",
          "pc,graphics=off",
          "-accel",
          "tcg,tb-size=32",
          "-m",
          "112",
          "-device",
          "pvpanic-pci",
        ],
        ...["-kernel", machine.linux?.kernel ?? "", "-initrd", machine.linux?.initramfs ?? ""],
        // no_timer_check: under load TCG misses the timer test. unknown_nmi_panic: an NMI from outside means it.
        ...[
          "-append",
          "console=ttyS0 quiet no_timer_check unknown_nmi_panic sysrq_always_enabled=1 panic=0",
        ],
        ...drive(machine.disk),
      ];
    case "uboot":
      return [
        ...["-machine", "virt", "-cpu", "cortex-a53", "-accel", "tcg,tb-size=16", "-m", "128"],
        ...["-bios", machine.firmware ?? ""],
      ];
  }
}

function drive(file: string | undefined): string[] {
  return file === undefined
    ? []
    : ["-drive", `file=${file.replaceAll(",", ",,")},format=raw,if=virtio`];
}
