import { newcArchive, type ArchiveEntry } from "./newc.js";

/** Kernel modules the guest loads, in this order: each one's dependencies come before it. */
export const GUEST_MODULES = [
  "virtio_ring",
  "virtio",
  "virtio_pci_legacy_dev",
  "virtio_pci_modern_dev",
  "virtio_pci",
  "virtio_blk",
  "pvpanic",
  "pvpanic-pci",
  "evdev",
  "button",
] as const;

const APPLETS = (
  "sh mount umount insmod acpid killall sync poweroff reboot cat mkdir sleep " +
  "getty login setsid hostname uname uptime dmesg ls echo id"
).split(" ");

/**
 * The first process: mounts the data disk, starts the power button's daemon, and obeys words on the console.
 * Every answer begins with `guest: `, so that it cannot be taken for the echo of what was typed.
 */
const INIT = `#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in ${GUEST_MODULES.join(" ")}; do
  [ -f /modules/$module.ko ] && insmod /modules/$module.ko
done
mount -t ext4 /dev/vda /data
hostname guest
boots=$(($(cat /data/boots 2>/dev/null || echo 0) + 1))
echo $boots >/data/boots
acpid -c /etc/acpi -l /dev/null -p /tmp/acpid.pid
echo "guest: ready, boot $boots"
while :; do
  read -r word file || { sleep 1; continue; }
  case $word in
    write) echo "$file" >"/data/$file" && sync && echo "guest: written $file" ;;
    read) echo "guest: $file has $(cat "/data/$file")" ;;
    ignore-button) killall acpid && echo "guest: button ignored" ;;
    halt) off ;;
    restart) sync; umount /data; reboot -f ;;
    panic) echo c >/proc/sysrq-trigger ;;
    login) setsid getty -L 115200 ttyS0 vt100 ;;
    *) echo "guest: write FILE, read FILE, ignore-button, halt, restart, panic, login" ;;
  esac
done
`;

/** Ends in order: what is mounted is written back and let go before the power goes. */
const OFF = `#!/bin/sh
export PATH=/bin
echo "guest: shutting down" >/dev/console
sync
umount /data || mount -o remount,ro /data
poweroff -f
`;

/** What busybox acpid runs at the power button: the key as the kernel's input event names it. */
const BUTTON = `#!/bin/sh
exec /bin/off
`;

/** Who may log in: root, without a password. */
const PASSWD = "root::0:0:root:/:/bin/sh\n";
const GROUP = "root:x:0:\n";

/** The guest's whole file system, as the kernel takes it. @param modules content by name; a missing one is taken to be built in */
export function linuxInitramfs(busybox: Buffer, modules: ReadonlyMap<string, Buffer>): Buffer {
  const directories = "bin dev proc sys tmp data modules etc etc/acpi etc/acpi/PWRF".split(" ");
  return newcArchive([
    ...directories.map((path): ArchiveEntry => ({ path, kind: "directory" })),
    // The kernel opens the console before devtmpfs is there.
    { path: "dev/console", kind: "character-device", major: 5, minor: 1 },
    { path: "bin/busybox", kind: "file", content: busybox, executable: true },
    ...APPLETS.map((name): ArchiveEntry => ({
      path: `bin/${name}`,
      kind: "link",
      target: "busybox",
    })),
    ...[...modules].map(([name, content]): ArchiveEntry => ({
      path: `modules/${name}.ko`,
      kind: "file",
      content,
    })),
    { path: "init", kind: "file", content: INIT, executable: true },
    { path: "etc/passwd", kind: "file", content: PASSWD },
    { path: "etc/group", kind: "file", content: GROUP },
    { path: "bin/off", kind: "file", content: OFF, executable: true },
    { path: "etc/acpi/PWRF/00000080", kind: "file", content: BUTTON, executable: true },
  ]);
}

/** Changes with whatever the archive is made of beside busybox and the kernel's modules. */
export const INITRAMFS_RECIPE = [INIT, OFF, BUTTON, PASSWD, GROUP, ...APPLETS].join("\n");
