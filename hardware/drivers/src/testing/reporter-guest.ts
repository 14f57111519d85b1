import { execFileSync, spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { guestCache } from "@outrider/simulators/guest-cache";
import { staticBusybox, unpackKernel } from "@outrider/simulators/guest-images";
import { lacksGuest } from "@outrider/simulators/lacks-guest";
import { newcArchive, type ArchiveEntry } from "@outrider/simulators/newc";
import { LINUX_PEERS } from "@outrider/simulators/peers";
import { QmpMonitor } from "@outrider/simulators/qmp-monitor";
import { extractVmlinux } from "@outrider/simulators/vmlinux";
import { freePort } from "./foreign-process.js";
import { PYTHON, REPORTER, REPORTER_SECRET, REPORTER_SECRET_FILE } from "./reporter-rig.js";

/** Debian's kernel for virtual machines, which has NVMe built in. */
const METAPACKAGE = "linux-image-cloud-amd64";
const MODULES = [
  "virtio_ring",
  "virtio",
  "virtio_pci_legacy_dev",
  "virtio_pci_modern_dev",
  "virtio_pci",
  "failover",
  "net_failover",
  "virtio_net",
] as const;
const SMARTCTL = "/usr/sbin/smartctl";
const PEERS = { ...LINUX_PEERS, smartctl: "smartmontools", ldd: "libc-bin" };
const PROGRAM = "/usr/local/sbin/outrider-reporter";
const GUEST_PORT = 8479;
export const GUEST_MEGABYTES = 512;
export const DISK_SERIAL = "S5GXNF0R123456";

const INIT = `#!/bin/sh
export PATH=/bin:/usr/bin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mkdir /run/outrider-reporter
for module in ${MODULES.join(" ")}; do
  [ -f /modules/$module.ko ] && insmod /modules/$module.ko
done
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
CREDENTIALS_DIRECTORY=/etc/outrider python3 -I -S ${PROGRAM} /etc/outrider/reporter.conf &
while :; do
  python3 -I -S ${PROGRAM} --disks /run/outrider-reporter/disks.json
  sleep 1
done
`;

/** Whether the guest cannot be had here, said loudly; builds its kernel where it can. */
export function lacksReporterGuest(tests: string): Promise<boolean> {
  return lacksGuest(tests, PEERS, buildKernel);
}

/** A host of its own, with a disk that can say of itself that it fails. */
export interface ReporterGuest extends AsyncDisposable {
  readonly options: { host: string; port: number; waitMs: number; secret: { file: string } };
  readonly secrets: Readonly<Record<string, string>>;
  /** What it has said on its console. */
  log(): string;
  /** Resolves when its machine has switched itself off. */
  readonly off: Promise<void>;
  /** Lets its disk say that it is worn out, or that all is well. */
  failDisk(fails: boolean): Promise<void>;
}

export async function startReporterGuest(): Promise<ReporterGuest> {
  const dir = mkdtempSync(join(tmpdir(), "rep-"));
  const { kernel, modules } = await buildKernel();
  const initrd = join(dir, "initrd");
  writeFileSync(initrd, Buffer.concat([readFileSync(modules), newcArchive(await rootFiles())]));
  const disk = join(dir, "disk");
  writeFileSync(disk, "");
  truncateSync(disk, 16_777_216);
  const port = await freePort();
  const qmp = join(dir, "qmp");
  const options = [
    ["-accel", "tcg,tb-size=64"],
    ["-cpu", "max"],
    ["-m", `${GUEST_MEGABYTES}`],
    ["-display", "none"],
    ["-kernel", kernel],
    ["-initrd", initrd],
    ["-append", "console=ttyS0 quiet no_timer_check random.trust_cpu=on panic=-1"],
    ["-netdev", `user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:${port}-10.0.2.15:${GUEST_PORT}`],
    ["-device", "virtio-net-pci,netdev=net,romfile="],
    ["-drive", `file=${disk},if=none,id=disk,format=raw`],
    ["-device", `nvme,id=nvme,serial=${DISK_SERIAL},drive=disk`],
    ["-serial", `file:${join(dir, "console")}`],
    ["-qmp", `unix:${qmp},server=on,wait=off`],
  ];
  const qemu = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot"];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...qemu, ...options.flat()], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const off = once(child, "exit").then(() => undefined);
  return {
    options: { host: "127.0.0.1", port, waitMs: 5000, secret: { file: REPORTER_SECRET_FILE } },
    secrets: { [REPORTER_SECRET_FILE]: REPORTER_SECRET },
    log: () => readFileSync(join(dir, "console"), "latin1").slice(-4000),
    off,
    failDisk: async (fails) => {
      const monitor = await monitorAt(qmp);
      // Critical warning, bit 2: "NVM subsystem reliability has been degraded" (NVMe 1.4, figure 196).
      await monitor.execute("qom-set", {
        path: "/machine/peripheral/nvme",
        property: "smart_critical_warning",
        value: fails ? 4 : 0,
      });
      monitor[Symbol.dispose]();
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await off;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function monitorAt(path: string): Promise<Pick<QmpMonitor, "execute"> & Disposable> {
  const socket = connect(path);
  await once(socket, "connect");
  const monitor = new QmpMonitor(socket, () => {});
  await monitor.open();
  return {
    execute: (...asked) => monitor.execute(...asked),
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** The kernel, and an archive of the modules for it. @throws GuestMissing */
async function buildKernel(
  cache = guestCache(),
): Promise<{ readonly kernel: string; readonly modules: string }> {
  const recipe = createHash("sha256").update([METAPACKAGE, ...MODULES].join("\n"));
  const target = join(cache, `reporter-${recipe.digest("hex").slice(0, 12)}`);
  const built = { kernel: join(target, "kernel"), modules: join(target, "modules") };
  if (existsSync(built.kernel)) return built;
  const work = join(cache, `tmp-${randomUUID()}`);
  await mkdir(work, { recursive: true });
  try {
    const { bzImage, modules } = await unpackKernel(work, METAPACKAGE, MODULES);
    const made = join(work, "guest");
    await mkdir(made);
    const files = [...modules].map(([name, content]): ArchiveEntry => ({
      path: `modules/${name}.ko`,
      kind: "file",
      content,
    }));
    const folder: ArchiveEntry = { path: "modules", kind: "directory" };
    await writeFile(join(made, "modules"), newcArchive([folder, ...files]));
    await writeFile(join(made, "kernel"), extractVmlinux(bzImage) ?? bzImage);
    await rename(made, target).catch((error: unknown) => {
      if (!existsSync(built.kernel)) throw error;
    });
    return built;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What a small Linux has: busybox, this machine's Python and smartctl with what they are linked with, and the reporter. */
async function rootFiles(): Promise<ArchiveEntry[]> {
  const files = new Map<string, ArchiveEntry>();
  const folder = (path: string): void => {
    if (path === "." || files.has(path)) return;
    folder(dirname(path));
    files.set(path, { path, kind: "directory" });
  };
  const put = (path: string, content: Buffer | string, executable = false): void => {
    const inside = path.slice(1);
    folder(dirname(inside));
    files.set(inside, { path: inside, kind: "file", content, executable });
  };
  const copy = (path: string): void => put(path, readFileSync(path), true);
  for (const path of ["proc", "sys", "dev", "run", "tmp"]) folder(path);
  put("/init", INIT, true);
  put("/bin/busybox", await staticBusybox(), true);
  for (const name of ["sh", "mount", "mkdir", "insmod", "ip", "sleep", "poweroff"])
    files.set(`bin/${name}`, { path: `bin/${name}`, kind: "link", target: "busybox" });
  files.set("dev/console", { path: "dev/console", kind: "character-device", major: 5, minor: 1 });

  const python = realpathSync(PYTHON);
  copy(python);
  put(PYTHON, readFileSync(python), true);
  const library = execFileSync(PYTHON, [
    "-c",
    "import sysconfig; print(sysconfig.get_path('stdlib'))",
  ])
    .toString()
    .trim();
  const modules = readdirSync(library, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter(
      (path) => !/\/(test|tests|idlelib|lib2to3|ensurepip|__pycache__|config-.*)\//.test(path),
    );
  for (const path of modules) copy(path);
  copy(SMARTCTL);
  const native = modules.filter((path) =>
    /\/_(hashlib|json|posixsubprocess|queue)\.[^/]*so$/.test(path),
  );
  for (const path of librariesOf([python, SMARTCTL, ...native])) copy(path);

  put(PROGRAM, readFileSync(REPORTER), true);
  put("/etc/outrider/reporter-secret", `${REPORTER_SECRET}\n`);
  put(
    "/etc/outrider/reporter.conf",
    `[reporter]\nlisten = 0.0.0.0\nport = ${GUEST_PORT}\nshutdown = /bin/sh -c '(sleep 2; poweroff -f) &'\n`,
  );
  return [...files.values()];
}

function librariesOf(programs: readonly string[]): Set<string> {
  const found = programs.flatMap((program) =>
    [
      ...execFileSync("ldd", [program])
        .toString()
        .matchAll(/\/[^\s:]+(?= \(0x)/g),
    ].map(([path]) => path),
  );
  return new Set(found);
}

/** Asks until there is an answer that will do: an emulated processor takes its time. @throws Error with the last one */
export async function askUntil<T>(
  ask: () => Promise<T>,
  will: (answer: T) => boolean,
  withinMs = 200_000,
): Promise<T> {
  const late = AbortSignal.timeout(withinMs);
  let last: unknown;
  while (!late.aborted) {
    try {
      const answer = await ask();
      if (will(answer)) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    await sleep(500);
  }
  throw new Error(
    `not within ${withinMs} ms; the last was ${JSON.stringify(last) ?? ""} ${String(last)}`,
  );
}
