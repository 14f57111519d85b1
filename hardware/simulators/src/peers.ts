import { findProgram } from "./find-program.js";

/** Programs of the operating system that a test needs, with the Debian package each comes from. */
export type Peers = Readonly<Record<string, string>>;

/** What a chassis of `bios` slots needs. */
export const BIOS_PEERS: Peers = { "qemu-system-x86_64": "qemu-system-x86" };

/** What a chassis of `linux` slots needs; the kernel comes by `apt-get download`. */
export const LINUX_PEERS: Peers = {
  ...BIOS_PEERS,
  busybox: "busybox-static",
  "mkfs.ext4": "e2fsprogs",
  e2fsck: "e2fsprogs",
};

/** What a chassis of `uboot` slots needs, beside the firmware of u-boot-qemu. */
export const UBOOT_PEERS: Peers = { "qemu-system-aarch64": "qemu-system-arm" };

/** What else is missing, beside programs. */
export interface Lack {
  /** Debian packages that are not there. */
  readonly packages?: readonly string[];
  /** A sentence that says what is wrong and what to do. */
  readonly problem?: string;
}

/**
 * Whether tests that need `peers` have to be left out here, said loudly with the packages to install.
 * @throws Error instead where leaving out is a failure: with `CI` or `OUTRIDER_REQUIRE_PEERS` set
 */
export function mustSkip(tests: string, peers: Peers, lack: Lack = {}): boolean {
  const absent = Object.entries(peers)
    .filter(([program]) => findProgram(program) === undefined)
    .map(([, debianPackage]) => debianPackage);
  const wanted = [...new Set([...absent, ...(lack.packages ?? [])])];
  if (wanted.length === 0 && lack.problem === undefined) return false;
  const install = `On Debian: apt-get install --no-install-recommends ${wanted.join(" ")}`;
  const message = [
    `${tests}: not run.`,
    ...(lack.problem === undefined ? [] : [lack.problem]),
    ...(wanted.length === 0 ? [] : [install]),
  ].join(" ");
  if (isSet("CI") || isSet("OUTRIDER_REQUIRE_PEERS")) throw new Error(message);
  console.warn(`SKIPPED ${message}`);
  return true;
}

function isSet(name: string): boolean {
  return !["", "0", "false", undefined].includes(process.env[name]);
}
