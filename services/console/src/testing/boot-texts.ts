import type { ConsoleStage } from "@outrider/contracts/console";

/** Worded as real machines word their starts, and what is to be seen in each. */
export interface RecordedBoot {
  readonly name: string;
  readonly text: string;
  /** Stages in the order in which they are reached. */
  readonly stages: readonly ConsoleStage[];
  readonly facts?: Readonly<Record<string, string>>;
}

const stamped = (from: number, lines: readonly string[]): string =>
  lines
    .map((line, index) => `[${(from + index * 0.01).toFixed(6).padStart(12)}] ${line}\r\n`)
    .join("");

const LINUX = [
  "Booting Linux on physical CPU 0x0000000000 [0x414fd0b1]",
  "Linux version 6.6.31+rpt-rpi-2712 (serge@raspberrypi.com) #1 SMP PREEMPT Debian 1:6.6.31-1+rpt1",
  "KASLR disabled due to lack of seed",
  "Machine model: Raspberry Pi 5 Model B Rev 1.0",
  "Kernel command line: reboot=w coherent_pool=1M console=ttyAMA10,115200 root=/dev/nvme0n1p2",
  "Run /init as init process",
];

const INIT = `[    3.100000] systemd[1]: systemd 252.22-1~deb12u1 running in system mode (+PAM +AUDIT)\r\n\r\nWelcome to \x1b[1mDebian GNU/Linux 12 (bookworm)\x1b[0m!\r\n\r\n[\x1b[0;32m  OK  \x1b[0m] Reached target \x1b[0;1;39mbasic.target\x1b[0m - Basic System.\r\n`;

export const RECORDED_BOOTS: readonly RecordedBoot[] = [
  {
    name: "Raspberry Pi 5, NVMe",
    text: `\r\n  0.10 RPi: BOOTSYS release VERSION:30cc5f37 DATE: 2025/01/22 TIME: 00:16:51
  0.13 BOOTMODE: 0x06 partition 0 build-ts BUILD_TIMESTAMP=1737505011 serial 4a9bb1f2 boardrev d04170 stc 534571\r
  0.19 AON_RESET: 00000003 PM_RSTS 00001000\r
  2.26 RPi: BOOTLOADER release VERSION:30cc5f37 DATE: 2025/01/22 TIME: 00:16:51\r
  3.63 Boot mode: NVME (06) order f41\r
  5.71 Starting OS 5717 ms\r
NOTICE:  BL31: v2.6(release):v2.6-240-gfc45bc492\r
${stamped(0, LINUX)}${INIT}\r\nDebian GNU/Linux 12 n5 ttyAMA10\r\n\r\nn5 login: `,
    stages: ["firmware", "kernel", "init", "login"],
    facts: {
      serial: "4a9bb1f2",
      "board-revision": "d04170",
      "bootloader-version": "30cc5f37",
      "boot-mode": "NVME",
      "kernel-version": "6.6.31+rpt-rpi-2712",
      "kernel-command-line":
        "reboot=w coherent_pool=1M console=ttyAMA10,115200 root=/dev/nvme0n1p2",
    },
  },
  {
    name: "Raspberry Pi 4 with U-Boot",
    text: `RPi: BOOTLOADER release VERSION:790da7ef DATE: 2024/04/15 TIME: 13:11:04\r
BOOTMODE: 0x06 partition 0 build-ts BUILD_TIMESTAMP=1713182464 serial 10000001 boardrev c03115 stc 623467\r
Initialising SDRAM 'Micron' 32 Gb x2 total-size: 64 Gbit 3200\r
Boot mode: SD (01) order f41\r
Starting start4.elf @ 0xfec00200 partition 0\r
\r
U-Boot 2023.01+dfsg-2+deb12u1 (Mar 05 2023 - 18:11:24 +0000)\r
\r
Hit any key to stop autoboot:  2 \b\b\b 1 \b\b\b 0 \r
Starting kernel ...\r
\r
${stamped(0, LINUX)}${INIT}n4 login: `,
    stages: ["firmware", "boot-loader", "kernel", "init", "login"],
    facts: { "boot-mode": "SD", serial: "10000001" },
  },
  {
    name: "U-Boot with SPL, no firmware",
    text: `\nU-Boot SPL 2024.01 (Jan 08 2024 - 15:37:48 +0000)\nTrying to boot from MMC1\nNOTICE:  BL31: v2.9\n\n\nU-Boot 2024.01 (Jan 08 2024 - 15:37:48 +0000)\n\nStarting kernel ...\n\n${stamped(0, LINUX)}/ # `,
    stages: ["boot-loader", "kernel", "init"],
  },
  {
    name: "UEFI, GRUB",
    text: `\x1b[2J\x1b[01;01H\x1b[=3h\x1b[2J\x1b[01;01HBdsDxe: failed to load Boot0001 "UEFI QEMU DVD-ROM" from PciRoot(0x0): Not Found\r\nBdsDxe: loading Boot0002 "debian" from HD(1,GPT)\r\nBdsDxe: starting Boot0002 "debian" from HD(1,GPT)\r\n\x1b[0m\x1b[30m\x1b[40m\x1b[2J\x1b[01;01H\x1b[0m\x1b[37m\x1b[40m\x1b[02;30HGNU GRUB  version 2.06\r\n\x1b[03;02H+----+\r\n\x1b[02;30HGNU GRUB  version 2.06\r\n  Booting \`Debian GNU/Linux'\r\n\r\nEFI stub: Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID device path\r\n${stamped(0, ["Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)", "Command line: BOOT_IMAGE=/vmlinuz root=/dev/sda1 console=ttyS0"])}${INIT}pc login: `,
    stages: ["firmware", "boot-loader", "kernel", "init", "login"],
    facts: { "kernel-command-line": "BOOT_IMAGE=/vmlinuz root=/dev/sda1 console=ttyS0" },
  },
  {
    name: "SeaBIOS, iPXE that falls through to the disk",
    text: `\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS (version 1.16.2-debian-1.16.2-1)\r\n\r\n\r\niPXE (http://ipxe.org) 00:03.0 CA00 PCI2.10 PnP PMM+0EFD0F60+0EF30F60 CA00\r\n\r\nBooting from ROM...\r\niPXE initialising devices...ok\r\n\r\niPXE 1.21.1 -- Open Source Network Boot Firmware -- https://ipxe.org\r\nConfiguring (net0 52:54:00:12:34:56)...... No more network devices\r\n\r\nBooting from Hard Disk...\r\nGRUB loading.\r\nWelcome to GRUB!\r\n\r\n${stamped(0, ["Linux version 6.1.0 (x)"])}INIT: version 3.06 booting\r\nhost login: `,
    stages: ["firmware", "boot-loader", "kernel", "init", "login"],
  },
  {
    name: "plain Linux with a console that is registered late",
    text: `${stamped(0, ["Linux version 6.1.0-18-arm64 (x)", "printk: bootconsole [pl11] enabled"])}${stamped(0, ["Linux version 6.1.0-18-arm64 (x)", "printk: bootconsole [pl11] enabled", "printk: console [ttyAMA0] enabled"])}[    1.000000][    T1] Run /sbin/init as init process\n\nOpenRC 0.48 is starting up Linux 6.1\nlogin: `,
    stages: ["kernel", "init", "login"],
  },
];
