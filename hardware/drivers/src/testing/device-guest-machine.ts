import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  buildDeviceGuest,
  deviceGuestInit,
  gpioAcpiTable,
  GPIO_PAGE,
  GPIO_PAGE_BYTES,
  GUEST_MEGABYTES,
} from "@outrider/simulators/device-guest-image";
import { newcArchive } from "@outrider/simulators/newc";
import { OPTIONAL_PACKAGES } from "@outrider/transports/optional-package";
import { nativePackages } from "./native-packages.js";

/** A virtual machine with I²C and GPIO, and Node in it that does what it is told. */
export interface DeviceMachine extends AsyncDisposable {
  /** The file that is its memory. */
  readonly memory: string;
  send(line: string): void;
  /** Called with every word of it, and once it has ended, with undefined. */
  hear(listener: (word: Record<string, unknown> | undefined) => void): void;
}

const START_MS = 120_000;
const DISK_MEGABYTES = 448;
const PROGRAM = "/app/node_modules/@outrider/drivers/dist/testing/device-guest.js";

export async function startDeviceMachine(): Promise<DeviceMachine> {
  const dir = mkdtempSync(join(tmpdir(), "dev-"));
  const [{ kernel, initramfs }, native] = await Promise.all([buildDeviceGuest(), nativePackages()]);
  const disk = buildDisk(dir, native.folder);
  const initrd = join(dir, "initrd");
  const init = newcArchive([
    { path: "init", kind: "file", content: deviceGuestInit(PROGRAM), executable: true },
  ]);
  writeFileSync(initrd, Buffer.concat([readFileSync(initramfs), init]));
  writeFileSync(join(dir, "acpi"), gpioAcpiTable());
  const memory = join(dir, "memory");
  const reserved = `memmap=0x${GPIO_PAGE_BYTES.toString(16)}$0x${GPIO_PAGE.toString(16)}`;
  const server = createServer().listen(join(dir, "console"));
  await once(server, "listening");
  const options = [
    "-machine pc,memory-backend=ram",
    `-object memory-backend-file,id=ram,size=${GUEST_MEGABYTES}M,mem-path=${memory},share=on`,
    "-accel tcg,tb-size=64",
    "-cpu max",
    "-smp 2",
    `-m ${GUEST_MEGABYTES}`,
    "-display none",
    "-net none",
    `-kernel ${kernel}`,
    `-initrd ${initrd}`,
    `-acpitable sig=SSDT,rev=2,data=${join(dir, "acpi")}`,
    `-drive file=${disk},format=raw,if=virtio`,
    `-append console=ttyS0 quiet no_timer_check random.trust_cpu=on panic=-1 ${reserved}`,
    `-chardev socket,id=console,path=${join(dir, "console")}`,
    "-serial chardev:console",
    // A second UART, whose wires end nowhere.
    "-serial null",
  ].flatMap((option) => [
    option.slice(0, option.indexOf(" ")),
    option.slice(option.indexOf(" ") + 1),
  ]);
  const qemu = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", ...options];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...qemu], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const exited = once(child, "exit");
  const dispose = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
    server.close();
    rmSync(dir, { recursive: true, force: true });
  };
  const [socket] = (await Promise.race([
    once(server, "connection"),
    exited.then(() => Promise.reject(new Error("QEMU did not start."))),
  ])) as [Socket];
  socket.on("error", () => {});
  const listeners: ((word: Record<string, unknown> | undefined) => void)[] = [];
  const ready = Promise.withResolvers<void>();
  let log = "";
  let line = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-20_000);
    line += text;
    for (let end = line.indexOf("\n"); end >= 0; end = line.indexOf("\n")) {
      const at = line.indexOf("@{");
      if (at >= 0 && at < end) {
        const word = JSON.parse(line.slice(at + 1, end).trim()) as Record<string, unknown>;
        if ("ready" in word) ready.resolve();
        else for (const listener of listeners) listener(word);
      }
      line = line.slice(end + 1);
    }
  });
  const timeout = AbortSignal.timeout(START_MS);
  try {
    await Promise.race([
      ready.promise,
      exited.then(() => Promise.reject(new Error(`The guest ended. It said: ${log}`))),
      once(timeout, "abort").then(() =>
        Promise.reject(new Error(`The guest did not start. It said: ${log}`)),
      ),
    ]);
  } catch (error) {
    await dispose();
    throw error;
  }
  void exited.then(() => {
    for (const listener of listeners) listener(undefined);
  });
  return {
    memory,
    send: (words) => void socket.write(`${words}\n`),
    hear: (listener) => void listeners.push(listener),
    [Symbol.asyncDispose]: dispose,
  };
}

/**
 * A file system with this Node, what it is linked with, and the drivers with all that they import.
 * @param native where packages are that a person may have installed
 */
function buildDisk(dir: string, native: string | undefined): string {
  const tree = join(dir, "tree");
  for (const folder of ["dev", "proc", "sys", "tmp", "app/node_modules"])
    mkdirSync(join(tree, folder), { recursive: true });
  const root = fileURLToPath(new URL("../../package.json", import.meta.url));
  const modules = join(tree, "app/node_modules");
  const placed = new Set<string>();
  place("@outrider/drivers", dirname(realpathSync(root)), modules, placed);
  if (native !== undefined) {
    for (const name of Object.keys(OPTIONAL_PACKAGES))
      place(name, join(native, "node_modules", name), modules, placed);
  }
  cpSync(process.execPath, join(tree, "node"), { dereference: true });
  const linked = execFileSync("find", [
    modules,
    "-name",
    "*.node",
    "-path",
    `*linux*${process.arch}*`,
    "-o",
    "-name",
    "*.node",
    "-path",
    "*/build/Release/*.node",
  ])
    .toString()
    .trim()
    .split("\n")
    .filter((file) => file !== "" && !file.includes("musl"));
  for (const library of librariesOf([process.execPath, ...linked])) {
    mkdirSync(join(tree, dirname(library)), { recursive: true });
    cpSync(realpathSync(library), join(tree, library));
  }
  const disk = join(dir, "disk");
  writeFileSync(disk, "");
  execFileSync("mkfs.ext4", ["-q", "-O", "^has_journal", "-d", tree, disk, `${DISK_MEGABYTES}M`]);
  rmSync(tree, { recursive: true });
  return disk;
}

/** A package and what it depends on, one of each: the workspace has them so. */
function place(name: string, from: string, modules: string, placed: Set<string>): void {
  if (placed.has(name)) return;
  placed.add(name);
  const manifest = JSON.parse(readFileSync(join(from, "package.json"), "utf8")) as {
    dependencies?: Record<string, string>;
    optionalDependencies?: Record<string, string>;
  };
  const skip = name.startsWith("@outrider/")
    ? /\/(?:node_modules|src)(?:\/|$)/
    : /\/(?:node_modules|vendor|doc|obj\.target)(?:\/|$)/;
  cpSync(from, join(modules, name), {
    recursive: true,
    dereference: true,
    filter: (path) =>
      !skip.test(path.slice(from.length)) && !/\.(?:map|d\.ts|md|tsbuildinfo)$/.test(path),
  });
  const require = createRequire(join(from, "package.json"));
  const native = Object.keys(manifest.optionalDependencies ?? {}).filter((each) =>
    each.endsWith(`linux-${process.arch}`),
  );
  for (const dependency of [...Object.keys(manifest.dependencies ?? {}), ...native]) {
    const folder = folderOf(require, dependency);
    if (folder) place(dependency, folder, modules, placed);
  }
}

function folderOf(require: NodeJS.Require, name: string): string | undefined {
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return dirname(realpathSync(join(folder, name, "package.json")));
    } catch {
      // Further up.
    }
  }
  return undefined;
}

function librariesOf(programs: readonly string[]): Set<string> {
  const paths = new Set<string>();
  for (const program of programs) {
    for (const [path] of execFileSync("ldd", [program])
      .toString()
      .matchAll(/\/[^\s:]+(?= \(0x)/g))
      paths.add(path);
  }
  return paths;
}
