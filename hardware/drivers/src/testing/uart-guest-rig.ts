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
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildLinuxGuest } from "@outrider/simulators/guest-images";
import { lacksLinuxGuest } from "@outrider/simulators/lacks-guest";
import { newcArchive } from "@outrider/simulators/newc";
import { QmpProbe } from "@outrider/simulators/qmp-probe";
import type { GuestCommand } from "./uart-guest.js";

/** A virtual machine with Node and a second UART, whose wire ends here. */
export interface UartGuest extends AsyncDisposable {
  /** What it has said, answers left out. */
  readonly said: Record<string, unknown>[];
  ask<T>(command: GuestCommand): Promise<T>;
  /** The far end of the UART. */
  readonly wire: Socket;
  /** Everything that came out of the UART. */
  heard(): Buffer;
  /** Sends a break to the UART. */
  sendBreak(): Promise<void>;
  /** The UART's registers as they are, read past the guest. */
  registers(): Promise<UartRegisters>;
  /** Writes to a register of the UART past the guest. */
  poke(register: number, ...values: readonly number[]): Promise<void>;
}

/** Line control and modem control of a 16550. */
export interface UartRegisters {
  readonly lineControl: number;
  readonly modemControl: number;
}

/** Where a PC has its second UART. */
const UART_AT = 0x2f8;
const LINE_CONTROL = 3;
const MODEM_CONTROL = 4;

const START_MS = 120_000;
const IMAGE_MEGABYTES = 384;

/** Starts Node in the chassis's own guest: what it needs lies on a disk besides. */
const INIT = `#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do
  [ -f /modules/$module.ko ] && insmod /modules/$module.ko
done
mount -t ext4 /dev/vda /data
mount -t devtmpfs dev /data/dev
mount -t proc proc /data/proc
busybox stty -F /dev/ttyS0 -echo
exec busybox chroot /data /node /app/node_modules/@outrider/drivers/dist/testing/uart-guest.js
`;

/** Whether the tests have to be left out here, said loudly. */
export function lacksUartGuest(): Promise<boolean> {
  return lacksLinuxGuest("the serial driver on a UART");
}

export async function startUartGuest(): Promise<UartGuest> {
  const dir = mkdtempSync(join(tmpdir(), "uart-"));
  const { kernel, initramfs } = await buildLinuxGuest();
  const disk = buildDisk(dir);
  const initrd = join(dir, "initrd");
  const init = newcArchive([{ path: "init", kind: "file", content: INIT, executable: true }]);
  // The kernel unpacks archives one after the other; the later first process takes the place of the earlier.
  writeFileSync(initrd, Buffer.concat([readFileSync(initramfs), init]));
  const console = await socketAt(join(dir, "console"));
  const uart = await socketAt(join(dir, "uart"));
  const options = [
    "-machine pc",
    "-accel tcg,tb-size=64",
    "-cpu max",
    "-m 512",
    "-display none",
    "-net none",
    `-kernel ${kernel}`,
    `-initrd ${initrd}`,
    `-drive file=${disk},format=raw,if=virtio`,
    "-append console=ttyS0 quiet no_timer_check random.trust_cpu=on panic=-1",
    `-chardev socket,id=console,path=${join(dir, "console")}`,
    "-serial chardev:console",
    `-chardev socket,id=uart,path=${join(dir, "uart")}`,
    "-serial chardev:uart",
    `-qmp unix:${join(dir, "qmp")},server=on,wait=off`,
  ].flatMap((option) => [
    option.slice(0, option.indexOf(" ")),
    option.slice(option.indexOf(" ") + 1),
  ]);
  const qemu = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", ...options];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...qemu], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const exited = once(child, "exit");
  const wire = await uart.connected;
  const terminal = await console.connected;
  const heard: Buffer[] = [];
  wire.on("data", (bytes: Buffer) => heard.push(bytes));
  wire.on("error", () => {});
  terminal.on("error", () => {});
  const said: Record<string, unknown>[] = [];
  const waiting: { resolve(answer: unknown): void; reject(error: Error): void }[] = [];
  const ready = Promise.withResolvers<void>();
  let log = "";
  let line = "";
  terminal.setEncoding("utf8").on("data", (text: string) => {
    log += text;
    line += text;
    for (let end = line.indexOf("\n"); end >= 0; end = line.indexOf("\n")) {
      take(line.slice(0, end).trim());
      line = line.slice(end + 1);
    }
  });
  const take = (words: string): void => {
    if (!words.startsWith("@{")) return;
    const message = JSON.parse(words.slice(1)) as Record<string, unknown>;
    if ("ready" in message) ready.resolve();
    else if ("answer" in message) waiting.shift()?.resolve(message["answer"]);
    else if ("error" in message) waiting.shift()?.reject(new Error(String(message["error"])));
    else said.push(message);
  };
  const dispose = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
    console.close();
    uart.close();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await Promise.race([
      ready.promise,
      exited.then(() => Promise.reject(new Error(`The guest ended. It said: ${log}`))),
      once(AbortSignal.timeout(START_MS), "abort").then(() =>
        Promise.reject(new Error(`The guest did not start. It said: ${log}`)),
      ),
    ]);
  } catch (error) {
    await dispose();
    throw error;
  }
  const monitor = await QmpProbe.open(join(dir, "qmp"), AbortSignal.timeout(START_MS));
  const human = async (command: string): Promise<string> =>
    String(await monitor.execute("human-monitor-command", { "command-line": command }));
  const peek = async (register: number): Promise<number> =>
    Number(/= (0x[0-9a-f]+)/.exec(await human(`i /b ${UART_AT + register}`))?.[1]);
  return {
    said,
    wire,
    heard: () => Buffer.concat(heard),
    ask: <T>(command: GuestCommand) =>
      new Promise<T>((resolve, reject) => {
        waiting.push({ resolve: (answer) => resolve(answer as T), reject });
        terminal.write(`${JSON.stringify(command)}\n`);
      }),
    registers: async () => ({
      lineControl: await peek(LINE_CONTROL),
      modemControl: await peek(MODEM_CONTROL),
    }),
    poke: async (register, ...values) => {
      for (const value of values) await human(`o /b ${UART_AT + register} ${value}`);
    },
    sendBreak: async () => void (await monitor.execute("chardev-send-break", { id: "uart" })),
    [Symbol.asyncDispose]: async () => {
      monitor.close();
      await dispose();
    },
  };
}

/** A socket that QEMU connects to, so that nobody has to wait for its file. */
async function socketAt(path: string) {
  const server = createServer().listen(path);
  await once(server, "listening");
  const connected = once(server, "connection").then(([socket]) => socket as Socket);
  return { connected, close: () => server.close() };
}

/** A file system with this Node, the libraries that it is linked with, and what the program in the guest imports. */
function buildDisk(dir: string): string {
  const tree = join(dir, "tree");
  for (const folder of ["dev", "proc", "tmp", "app/node_modules"])
    mkdirSync(join(tree, folder), { recursive: true });
  const modules = join(tree, "app/node_modules");
  const place = (name: string, from: string): void =>
    cpSync(realpathSync(from), join(modules, name), { recursive: true, dereference: true });
  for (const name of ["ports", "contracts", "transports", "drivers"]) {
    const root = folderOf(`@outrider/${name}/package.json`);
    place(`@outrider/${name}/dist`, join(root, "dist"));
    place(`@outrider/${name}/package.json`, join(root, "package.json"));
  }
  const koffi = folderOf("koffi");
  const outside = dirname(koffi);
  for (const name of ["koffi", "@koromix", "@serialport", "node-gyp-build", "debug", "ms"])
    place(name, join(outside, name));
  rmSync(join(modules, "koffi/vendor"), { recursive: true, force: true });
  rmSync(join(modules, "koffi/doc"), { recursive: true, force: true });
  cpSync(process.execPath, join(tree, "node"), { dereference: true });
  const linked = [
    process.execPath,
    ...execFileSync("find", [modules, "-name", "*.node", "-path", `*linux*${process.arch}*`])
      .toString()
      .trim()
      .split("\n"),
  ];
  for (const library of librariesOf(linked)) {
    mkdirSync(join(tree, dirname(library)), { recursive: true });
    cpSync(realpathSync(library), join(tree, library));
  }
  const disk = join(dir, "disk");
  writeFileSync(disk, "");
  execFileSync("mkfs.ext4", ["-q", "-d", tree, disk, `${IMAGE_MEGABYTES}M`]);
  rmSync(tree, { recursive: true });
  return disk;
}

function folderOf(specifier: string): string {
  const file = fileURLToPath(import.meta.resolve(specifier));
  return specifier.endsWith("package.json") ? dirname(file) : dirname(file);
}

function librariesOf(programs: readonly string[]): Set<string> {
  const paths = new Set<string>();
  for (const program of programs) {
    // One for another libc is linked with what is not here.
    if (program.includes("musl")) continue;
    for (const [path] of execFileSync("ldd", [program])
      .toString()
      .matchAll(/\/[^\s:]+(?= \(0x)/g))
      paths.add(path);
  }
  return paths;
}
