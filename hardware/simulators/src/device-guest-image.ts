import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { guestCache } from "./guest-cache.js";
import { staticBusybox, unpackKernel, type LinuxGuest } from "./guest-images.js";
import { newcArchive, type ArchiveEntry } from "./newc.js";
import { runProgram } from "./run-program.js";
import { extractVmlinux, kernelPayload } from "./vmlinux.js";

/** Debian's full kernel: the one for virtual machines has neither I²C nor GPIO. */
const METAPACKAGE = "linux-image-amd64";

/** Loaded at start, in this order. */
const LOADED = [
  "virtio_ring",
  "virtio",
  "virtio_pci_legacy_dev",
  "virtio_pci_modern_dev",
  "virtio_pci",
  "virtio_blk",
  "crc32c_generic",
  "crc16",
  "mbcache",
  "jbd2",
  "ext4",
  "i2c-dev",
  "gpio-generic",
  "gpio-amdpt",
  "i2c-stub",
] as const;
/** Loaded by tests: `/modules/NAME.ko`. */
const BESIDES = [
  "lm75",
  "industrialio",
  "kfifo_buf",
  "industrialio-triggered-buffer",
  "ti-ads1015",
] as const;

/** Chips of the stub: SMBus registers that hold what is written, without any logic behind them. */
export const STUB_CHIPS = [0x20, 0x21, 0x2f, 0x40, 0x41, 0x42, 0x44, 0x48, 0x49, 0x4a] as const;

/** Where in the guest's memory the registers of its GPIO chip lie. */
export const GPIO_PAGE = 0x0f00_0000;
export const GPIO_PAGE_BYTES = 0x1_0000;
export const GUEST_MEGABYTES = 512;

/** @param program what Node runs in the guest, from its disk */
export const deviceGuestInit = (program: string): string => `#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in ${LOADED.join(" ")}; do
  case $module in
    i2c-stub) insmod /modules/$module.ko chip_addr=${STUB_CHIPS.join(",")} ;;
    *) [ -f /modules/$module.ko ] && insmod /modules/$module.ko ;;
  esac
done
mount -t ext4 /dev/vda /data
mount -t devtmpfs dev /data/dev
mount -t proc proc /data/proc
mount -t sysfs sysfs /data/sys
mount -t tmpfs tmp /data/tmp
cp /bin/busybox /data/tmp/busybox
cp -r /modules /data/tmp/modules
stty -F /dev/ttyS0 -echo raw
exec busybox chroot /data /node ${program}
`;

/** Builds the guest with devices unless it is there. @throws GuestMissing */
export async function buildDeviceGuest(cache = guestCache()): Promise<LinuxGuest> {
  const text = [METAPACKAGE, ...LOADED, ...BESIDES, "1"].join("\n");
  const recipe = createHash("sha256").update(text).digest("hex").slice(0, 12);
  const target = join(cache, `devices-${recipe}`);
  const guest = { kernel: join(target, "kernel"), initramfs: join(target, "initramfs") };
  if (existsSync(guest.kernel)) return guest;
  const work = join(cache, `tmp-${randomUUID()}`);
  await mkdir(work, { recursive: true });
  try {
    const busybox = await staticBusybox();
    const { bzImage, modules } = await unpackKernel(work, METAPACKAGE, [...LOADED, ...BESIDES]);
    const made = join(work, "guest");
    await mkdir(made);
    await writeFile(join(made, "initramfs"), initramfs(busybox, modules));
    await writeFile(join(made, "kernel"), await vmlinuxOf(bzImage, work));
    await rename(made, target).catch((error: unknown) => {
      if (!existsSync(guest.kernel)) throw error;
    });
    return guest;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Unpacked here, because emulated processors take long for it. */
async function vmlinuxOf(bzImage: Buffer, work: string): Promise<Buffer> {
  const payload = kernelPayload(bzImage);
  if (payload?.toString("latin1", 1, 5) !== "7zXZ") return extractVmlinux(bzImage) ?? bzImage;
  const packed = join(work, "kernel.xz");
  await writeFile(packed, payload.subarray(0, -4));
  return runProgram("xz", ["-dc", packed]);
}

function initramfs(busybox: Buffer, modules: ReadonlyMap<string, Buffer>): Buffer {
  return newcArchive([
    ...["bin", "dev", "proc", "sys", "tmp", "data", "modules"].map((path): ArchiveEntry => ({
      path,
      kind: "directory",
    })),
    { path: "dev/console", kind: "character-device", major: 5, minor: 1 },
    { path: "bin/busybox", kind: "file", content: busybox, executable: true },
    ...["sh", "mount", "insmod", "stty", "cp"].map((name): ArchiveEntry => ({
      path: `bin/${name}`,
      kind: "link",
      target: "busybox",
    })),
    ...[...modules].map(([name, content]): ArchiveEntry => ({
      path: `modules/${name}.ko`,
      kind: "file",
      content,
    })),
  ]);
}

/**
 * What firmware tells Linux of a GPIO chip of 24 lines whose registers are a page of the machine's own memory, so that
 * whoever shares that memory sees every write and drives the inputs (ACPI 6.5 §20.2; device `AMDIF031`). Without the
 * table's header, which QEMU puts before it.
 */
export function gpioAcpiTable(): Buffer {
  const memory = Buffer.from("8609000100000000000000007900", "hex");
  memory.writeUInt32LE(GPIO_PAGE, 4);
  memory.writeUInt32LE(0x1000, 8);
  const buffer = Buffer.concat([Buffer.from([0x0a, memory.length]), memory]);
  const device = Buffer.concat([
    Buffer.from("GPIO"),
    Buffer.from("\x08_HID\x0dAMDIF031\0", "latin1"),
    Buffer.from("\x08_CRS\x11", "latin1"),
    sized(buffer),
  ]);
  const scope = Buffer.concat([Buffer.from("\\_SB_"), Buffer.from([0x5b, 0x82]), sized(device)]);
  return Buffer.concat([Buffer.from([0x10]), sized(scope)]);
}

/** With its length before it, itself counted (ACPI 6.5 §20.2.4). */
function sized(bytes: Buffer): Buffer {
  if (bytes.length + 1 <= 0x3f) return Buffer.concat([Buffer.from([bytes.length + 1]), bytes]);
  const length = bytes.length + 2;
  return Buffer.concat([Buffer.from([0x40 | (length & 0x0f), length >> 4]), bytes]);
}
