import type { ConsoleStage, RuleSign } from "@outrider/contracts/console";
import type { BootFact } from "./stage-tracker.js";

/** What the beginning of a line means, its time left out. */
export interface StagePattern {
  readonly matches: (text: string) => boolean;
  readonly stage?: ConsoleStage;
  readonly sign?: RuleSign;
  /**
   * Whether it can begin a chapter. `banner`: said once in a start, so that a second time is a second start. `line`: said
   * any number of times, so that it begins one only once a kernel was running.
   */
  readonly starts?: "banner" | "line";
  /** What of the text tells banners apart that may follow one another in one start. */
  readonly banner?: RegExp;
  /** The chapter ends here: whatever begins next begins a new one. */
  readonly ends?: boolean;
  readonly facts?: readonly BootFact[];
}

/** Each is anchored and cannot back-track, because a console says whatever it likes. */
interface Declared extends Omit<StagePattern, "matches"> {
  readonly begin: string;
  readonly pattern?: RegExp;
}

const DECLARED: readonly Declared[] = [
  // Raspberry Pi, EEPROM bootloader.
  {
    begin: "RPi: ",
    pattern: /^RPi: (?:BOOTSYS|BOOTLOADER|RECOVERY|RPIBOOT) release VERSION:/,
    stage: "firmware",
    starts: "banner",
    banner: /^RPi: \w+/,
    facts: ["bootloader-version"],
  },
  ...lines("firmware", [
    "BOOTMODE: ",
    "Initialising SDRAM",
    "PM_RSTS: 0x",
    "Boot mode: ",
    "BOOT_ORDER override:",
    "NETBOOT init failed",
    "TFTP_GET: ",
    "Loading boot.img",
    "rsa-verify ",
    "Firmware not found",
    "Kernel or device-tree not found",
    "Trying next boot mode",
    "BOOT ERROR: ",
    "SELF-UPDATE timestamp",
    "BOOT-EEPROM: UPDATED",
    "EEPROMs updated. Rebooting",
    "Starting start",
    "Starting OS ",
    "NOTICE:  BL",
  ]),
  // PC firmware.
  { begin: "SeaBIOS (version ", stage: "firmware", starts: "banner", banner: /^SeaBIOS/ },
  ...lines("firmware", [
    "BdsDxe: ",
    "UEFI firmware (version ",
    ">>Start PXE over IPv",
    ">>Start HTTP Boot over IPv",
    "PXE-E",
    "Booting from ",
  ]),
  // Boot loaders.
  {
    begin: "U-Boot ",
    pattern: /^U-Boot (?:SPL |TPL )?20\d\d\.\d\d/,
    stage: "boot-loader",
    starts: "banner",
    banner: /^U-Boot (?:SPL|TPL)?/,
  },
  ...lines("boot-loader", [
    "Hit any key to stop autoboot",
    "Starting kernel ...",
    "GNU GRUB ",
    "Welcome to GRUB!",
    "GRUB loading",
    "iPXE initialising devices",
    "iPXE 1.",
    "iPXE (http",
    "Configuring (net",
    "systemd-boot ",
    "SYSLINUX ",
    "ISOLINUX ",
    "PXELINUX ",
  ]),
  // Linux.
  kernel("EFI stub: Booting Linux"),
  kernel("Booting Linux on "),
  { ...kernel("Linux version "), pattern: /^Linux version \d/, facts: ["kernel-version"] },
  { begin: "Kernel command line: ", stage: "kernel", facts: ["kernel-command-line"] },
  { begin: "Command line: ", stage: "kernel", facts: ["kernel-command-line"] },
  { begin: "Uncompressing Linux", stage: "kernel" },
  // The first process.
  { begin: "Run /", pattern: /^Run \/\S+ as init process/, stage: "init" },
  {
    begin: "systemd[1]: ",
    pattern: /^systemd\[1\]: (?:systemd \S+ running in|Detected architecture|Hostname set to)/,
    stage: "init",
  },
  {
    begin: "[  OK  ] ",
    pattern: /^\[ {2}OK {2}\] (?:Reached target|Started|Mounted|Finished)/,
    stage: "init",
  },
  { begin: "Welcome to ", pattern: /^Welcome to (?!GRUB).{1,100}!$/, stage: "init" },
  { begin: "OpenRC ", pattern: /^OpenRC \S+ is starting up/, stage: "init" },
  { begin: "INIT: version ", stage: "init" },
  { begin: "init started: BusyBox", stage: "init" },
  { begin: "procd: - early -", stage: "init" },
  { begin: "You are in emergency mode", stage: "init" },
  // Ends.
  { begin: "Kernel panic - not syncing", stage: "panic", sign: "panic", ends: true },
  // The last line of it, for where the first one was mixed with what another was saying.
  { begin: "---[ end Kernel panic", stage: "panic", sign: "panic", ends: true },
  { begin: "reboot: Power down", stage: "halted", sign: "halted", ends: true },
  { begin: "reboot: System halted", stage: "halted", sign: "halted", ends: true },
  { begin: "Power down.", stage: "halted", sign: "halted", ends: true },
  { begin: "System halted", stage: "halted", sign: "halted", ends: true },
  { begin: "reboot: Restarting system", ends: true },
  { begin: "resetting ...", ends: true },
  // Failures that a machine may survive.
  ...[
    "Internal error: Oops",
    "Unable to handle kernel ",
    "Oops: ",
    "kernel BUG at ",
    "general protection fault",
    "watchdog: BUG: soft lockup",
    "BUG: unable to handle ",
    "BUG: kernel NULL pointer",
  ].map((begin): Declared => ({ begin, sign: "oops" })),
  { begin: "Out of memory: Kill", sign: "oom-kill" },
  { begin: "Memory cgroup out of memory: Kill", sign: "oom-kill" },
];

function lines(stage: ConsoleStage, begins: readonly string[]): Declared[] {
  return begins.map((begin) => ({ begin, stage, starts: "line", ...factsOf(begin) }));
}

function factsOf(begin: string): Pick<Declared, "facts"> {
  if (begin === "BOOTMODE: ") return { facts: ["serial", "board-revision"] };
  return begin === "Boot mode: " ? { facts: ["boot-mode"] } : {};
}

function kernel(begin: string): Declared {
  return { begin, stage: "kernel", starts: "banner", banner: /^\w+ \w+/ };
}

/** By the first three characters, so that a line that says nothing costs one look. */
export const PATTERNS: ReadonlyMap<string, readonly StagePattern[]> = Map.groupBy(
  DECLARED.map((declared) => ({ ...declared, matches: matcher(declared) })),
  ({ begin }) => begin.slice(0, 3),
);

function matcher({ begin, pattern }: Declared): (text: string) => boolean {
  return pattern ? (text) => pattern.test(text) : (text) => text.startsWith(begin);
}

/** How each fact is taken out of a line that has it. */
export const FACTS: readonly (readonly [BootFact, RegExp])[] = [
  ["serial", / serial ([0-9a-f]{8,16})\b/],
  ["board-revision", / boardrev (\w{4,8})\b/],
  ["bootloader-version", / VERSION:(\w{1,64})/],
  ["boot-mode", /^Boot mode: ([\w-]{1,32})/],
  ["kernel-version", /^Linux version (\S{1,100})/],
  ["kernel-command-line", /ommand line: (.{1,4096})/],
];

/** `n1 login: `, alone on its line, also with a name typed behind it. */
export function isLoginPrompt(text: string): boolean {
  const at = text.indexOf("login: ");
  if (at < 0 || at > 65 || text.length > 160) return false;
  return LOGIN.test(text);
}

const LOGIN = /^(?!Last )(?:[\w.-]{1,64} )?login: (?:[\w.@-]{0,64}(?: \(automatic login\))?)?$/;

/** By whatever driver says it. */
export function isUnderVoltage(text: string): boolean {
  return text.includes("ndervoltage detected") || text.includes("nder-voltage detected");
}
