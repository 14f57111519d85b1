import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { glob, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { findProgram } from "./find-program.js";
import { guestCache } from "./guest-cache.js";
import { GUEST_MODULES, INITRAMFS_RECIPE, linuxInitramfs } from "./linux-initramfs.js";
import { runProgram } from "./run-program.js";
import { extractVmlinux } from "./vmlinux.js";

/** A Linux guest, ready to start. */
export interface LinuxGuest {
  /** An uncompressed kernel with a PVH entry, or a bzImage. */
  readonly kernel: string;
  readonly initramfs: string;
}

/** A guest cannot be built here; the message names what to install or to do. */
export class GuestMissing extends Error {
  override readonly name = "GuestMissing";
}

/** Debian's kernel for virtual machines: a name that depends on the newest package. */
const KERNEL_METAPACKAGE = "linux-image-cloud-amd64";
const U_BOOT = "/usr/lib/u-boot/qemu_arm64/u-boot.bin";

/** The Linux guest in the cache, if one of this recipe has been built. */
export function linuxGuest(cache = guestCache()): LinuxGuest | undefined {
  const dir = join(cache, `linux-${recipe()}`);
  return existsSync(join(dir, "kernel")) ? guestIn(dir) : undefined;
}

/**
 * Builds the Linux guest unless it is there: Debian's kernel package, unpacked but not installed, and an initramfs
 * with the machine's own busybox. Needs no root; several at once do no harm.
 * @throws GuestMissing
 */
export async function buildLinuxGuest(
  cache = guestCache(),
  signal?: AbortSignal,
): Promise<LinuxGuest> {
  const present = linuxGuest(cache);
  if (present) return present;
  const needed = {
    busybox: "busybox-static",
    "apt-get": "apt",
    "apt-cache": "apt",
    "dpkg-deb": "dpkg",
    tar: "tar",
  };
  const absent = Object.entries(needed).filter(([program]) => findProgram(program) === undefined);
  if (absent.length > 0) {
    const packages = [...new Set(absent.map(([, name]) => name))].join(" ");
    throw new GuestMissing(`The Linux guest needs: apt-get install ${packages}`);
  }
  const work = join(cache, `tmp-${randomUUID()}`);
  await mkdir(work, { recursive: true });
  try {
    await assemble(work, await staticBusybox(), signal);
    const target = join(cache, `linux-${recipe()}`);
    // Somebody else may have been quicker: theirs is as good.
    await rename(join(work, "guest"), target).catch((error: unknown) => {
      if (!existsSync(join(target, "kernel"))) throw error;
    });
    return guestIn(target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** U-Boot for the `virt` machine. @throws GuestMissing */
export function uBootFirmware(): string {
  if (!existsSync(U_BOOT)) throw new GuestMissing("U-Boot needs: apt-get install u-boot-qemu");
  return U_BOOT;
}

async function assemble(work: string, busybox: Buffer, signal?: AbortSignal): Promise<void> {
  const { bzImage, modules } = await unpackKernel(work, KERNEL_METAPACKAGE, GUEST_MODULES, signal);
  await mkdir(join(work, "guest"));
  await writeFile(join(work, "guest", "kernel"), extractVmlinux(bzImage) ?? bzImage);
  await writeFile(join(work, "guest", "initramfs"), linuxInitramfs(busybox, modules));
}

/**
 * Downloads Debian's kernel package that `metapackage` stands for, and takes the kernel and some modules out of it.
 * @throws GuestMissing
 */
export async function unpackKernel(
  work: string,
  metapackage: string,
  wantedModules: readonly string[],
  signal?: AbortSignal,
): Promise<{ readonly bzImage: Buffer; readonly modules: ReadonlyMap<string, Buffer> }> {
  const options = { cwd: work, ...(signal === undefined ? {} : { signal }) };
  try {
    const depends = await runProgram("apt-cache", ["depends", metapackage], options);
    const kernelPackage = /Depends: (linux-image-\S+)/.exec(depends.toString("utf8"))?.[1];
    if (kernelPackage === undefined) throw new Error(`No package stands behind ${metapackage}.`);
    await runProgram("apt-get", ["download", kernelPackage], options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GuestMissing(
      `Cannot get Debian's ${metapackage}; it needs an amd64 Debian that reaches its mirror, after apt-get update. ${why}`,
      { cause },
    );
  }
  const deb = await only("*.deb", work);
  const tree = join(work, "tree");
  await mkdir(tree);
  await writeFile(
    join(work, "tree.tar"),
    await runProgram("dpkg-deb", ["--fsys-tarfile", deb], options),
  );
  const wanted = ["./boot/vmlinuz-*", ...wantedModules.map((name) => `*/${name}.ko*`)];
  await runProgram(
    "tar",
    ["-x", "-f", "tree.tar", "-C", "tree", "--wildcards", ...wanted],
    options,
  );
  const bzImage = await readFile(join(tree, await only("boot/vmlinuz-*", tree)));
  return { bzImage, modules: await modulesIn(tree) };
}

async function only(pattern: string, cwd: string): Promise<string> {
  for await (const path of glob(pattern, { cwd })) return path;
  throw new Error(`${cwd} has no ${pattern}.`);
}

async function modulesIn(tree: string): Promise<ReadonlyMap<string, Buffer>> {
  const modules = new Map<string, Buffer>();
  for await (const path of glob("lib/modules/**/*.ko*", { cwd: tree })) {
    const file = join(tree, path);
    const packed = file.endsWith(".xz");
    modules.set(
      basename(path).replace(/\.ko(\.xz)?$/, ""),
      packed ? await runProgram("xz", ["-dc", file]) : await readFile(file),
    );
  }
  return modules;
}

export async function staticBusybox(): Promise<Buffer> {
  const busybox = await readFile(findProgram("busybox") ?? "");
  // A dynamic one names its loader; inside the guest there is none.
  if (busybox.includes("/ld-linux") || busybox.includes("/ld-musl")) {
    throw new GuestMissing(
      "busybox is not static. The Linux guest needs: apt-get install busybox-static",
    );
  }
  return busybox;
}

function guestIn(dir: string): LinuxGuest {
  return { kernel: join(dir, "kernel"), initramfs: join(dir, "initramfs") };
}

/** Names what a guest is made by, so that a change of it is built anew. */
function recipe(): string {
  const text = [KERNEL_METAPACKAGE, ...GUEST_MODULES, INITRAMFS_RECIPE].join("\n");
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}
