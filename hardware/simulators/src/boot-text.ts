/** What a simulated machine says on its console while it starts, stops and dies: worded as a Raspberry Pi, U-Boot and Linux do. */

/** Who speaks. */
export interface Speaker {
  readonly slot: number;
  /** As its shell calls it. */
  readonly hostname: string;
  /** Seconds since the kernel started, for its stamps. */
  readonly uptime: () => number;
}

/** Lines as a terminal wants them. */
export function lines(...text: readonly string[]): string {
  return text.map((line) => `${line}\r\n`).join("");
}

/** One line of the kernel's log. */
export function kernelLine({ uptime }: Speaker, text: string): string {
  return `[${uptime().toFixed(6).padStart(12)}] ${text}\r\n`;
}

export function serialNumber({ slot }: Speaker): string {
  return (0x10_00_00_00 + slot).toString(16);
}

export function firmwareText(speaker: Speaker): string {
  return lines(
    "",
    "RPi: BOOTLOADER release VERSION:790da7ef DATE: 2024/04/15 TIME: 13:11:04",
    `BOOTMODE: 0x06 partition 0 build-ts BUILD_TIMESTAMP=1713182464 serial ${serialNumber(speaker)} boardrev c03115 stc 623467`,
    "PM_RSTS: 0x00001000",
    "part 00000000 reset_info 00000000",
    "uSD voltage 3.3V",
    "Initialising SDRAM 'Micron' 32 Gb x2 total-size: 64 Gbit 3200",
    "DDR 3200 1 0 64 152 BL:1",
    "Boot mode: SD (01) order f41",
    "SD HOST: 250000000 CTL0: 0x00800000 BUS: 400000 Hz actual: 390625 HZ div: 640",
    "Read config.txt bytes     2094 hnd 0x0",
    "Read start4.elf bytes  2252480 hnd 0x0",
    "Starting start4.elf @ 0xfec00200 partition 0",
  );
}

export function bootLoaderText(): string {
  return lines(
    "",
    "U-Boot 2023.01+dfsg-2+deb12u1 (Mar 05 2023 - 18:11:24 +0000)",
    "",
    "DRAM:  7.1 GiB",
    "RPI 4 Model B (0xc03115)",
    "Core:  209 devices, 16 uclasses, devicetree: board",
    "MMC:   mmcnr@7e300000: 1, mmc@7e340000: 0",
    "In:    serial",
    "Out:   serial",
    "Err:   serial",
    "Net:   eth0: ethernet@7d580000",
    "Hit any key to stop autoboot:  0 ",
    "9437184 bytes read in 402 ms (22.4 MiB/s)",
    "Starting kernel ...",
    "",
  );
}

export function kernelText(speaker: Speaker): string {
  return [
    "Booting Linux on physical CPU 0x0000000000 [0x410fd083]",
    "Linux version 6.1.0-18-arm64 (debian-kernel@lists.debian.org) #1 SMP Debian 6.1.76-1",
    "Machine model: Raspberry Pi 4 Model B Rev 1.5",
    "Kernel command line: console=ttyAMA0,115200 root=/dev/mmcblk0p2 rootwait sysrq_always_enabled=1",
    "printk: console [ttyAMA0] enabled",
    "Memory: 7893012K/8245248K available",
    "smp: Brought up 1 node, 4 CPUs",
    "bcmgenet fd580000.ethernet eth0: Link is Up - 1Gbps/Full - flow control rx/tx",
    "mmcblk0: mmc0:aaaa SC32G 29.7 GiB",
    "EXT4-fs (mmcblk0p2): mounted filesystem with ordered data mode",
    "Run /sbin/init as init process",
  ]
    .map((line) => kernelLine(speaker, line))
    .join("");
}

export function initText(speaker: Speaker): string {
  return (
    kernelLine(
      speaker,
      "systemd[1]: systemd 252.22-1~deb12u1 running in system mode (+PAM +AUDIT)",
    ) +
    kernelLine(speaker, `systemd[1]: Hostname set to <${speaker.hostname}>.`) +
    lines(
      "[  OK  ] Reached target local-fs.target - Local File Systems.",
      "[  OK  ] Started ssh.service - OpenBSD Secure Shell server.",
      "[  OK  ] Reached target multi-user.target - Multi-User System.",
    )
  );
}

export function loginText({ hostname }: Speaker): string {
  return `\r\nDebian GNU/Linux 12 ${hostname} ttyAMA0\r\n\r\n${hostname} login: `;
}

export function shutdownText(speaker: Speaker, why: string): string {
  return (
    lines(
      "",
      why,
      "[  OK  ] Stopped target multi-user.target - Multi-User System.",
      "         Stopping ssh.service - OpenBSD Secure Shell server...",
      "[  OK  ] Unmounted boot-firmware.mount - /boot/firmware.",
      "[  OK  ] Reached target shutdown.target - System Shutdown.",
    ) + kernelLine(speaker, "systemd-shutdown[1]: Syncing filesystems and block devices.")
  );
}

export function haltText(speaker: Speaker): string {
  return kernelLine(speaker, "reboot: Power down");
}

export function restartText(speaker: Speaker): string {
  return kernelLine(speaker, "reboot: Restarting system");
}

/** What a kernel says before it panics for these reasons. */
const LED_TO_PANIC: Readonly<Record<string, readonly string[]>> = {
  "NMI: Not continuing": ["Uhhuh. NMI received for unknown reason 3d on CPU 0."],
  "Fatal exception in interrupt": [
    "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000",
    "Internal error: Oops: 0000000096000004 [#1] SMP",
  ],
};

export function panicText(speaker: Speaker, why: string): string {
  return [
    ...(LED_TO_PANIC[why] ?? []),
    `Kernel panic - not syncing: ${why}`,
    "CPU: 0 PID: 0 Comm: swapper/0 Not tainted 6.1.0-18-arm64 #1 Debian 6.1.76-1",
    "Hardware name: Raspberry Pi 4 Model B Rev 1.5 (DT)",
    "Call trace:",
    " dump_backtrace+0xe4/0x140",
    " show_stack+0x20/0x30",
    " dump_stack_lvl+0x64/0x80",
    " panic+0x184/0x36c",
    "SMP: stopping secondary CPUs",
    "Kernel Offset: 0x5b6a00000 from 0xffff800008000000",
    `---[ end Kernel panic - not syncing: ${why} ]---`,
  ]
    .map((line) => kernelLine(speaker, line))
    .join("");
}

/** Names of the machine's processes, for the listing of its tasks. */
const TASKS = ["systemd", "kthreadd", "systemd-journal", "sshd", "agetty"];

export function taskText(speaker: Speaker): string {
  return TASKS.map((name, index) =>
    kernelLine(
      speaker,
      `task:${name.padEnd(15)} state:S stack:0     pid:${index + 1}     ppid:0      flags:0x00000000`,
    ),
  ).join("");
}

/** Answer of the kernel to a key that it does not know, and to `h`. */
export const SYSRQ_HELP =
  "sysrq: HELP : loglevel(0-9) reboot(b) crash(c) terminate-all-tasks(e) memory-full-oom-kill(f) " +
  "kill-all-tasks(i) show-memory-usage(m) poweroff(o) show-registers(p) sync(s) show-task-states(t) " +
  "unmount(u) show-blocked-tasks(w) ";
