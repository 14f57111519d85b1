import { execFile, spawn, type ChildProcess } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { findProgram } from "./find-program.js";
import { CACHE, INSTALL_MS, installOnce } from "./install-once.js";
import type { Peers } from "./peers.js";

/** What {@link startSnmpd} needs, and the tools that ask it beside us. */
export const SNMPD_PEERS: Peers = { snmpd: "snmpd", snmpwalk: "snmp" };

const run = promisify(execFile);
const SNMPSIM = "1.2.2";
/** snmpsim does not bring pysmi; the rest is pinned with it. */
const PACKAGES = [`snmpsim==${SNMPSIM}`, "pysnmp==7.1.30", "pysmi==2.0.0"];
const READY_MS = 30_000;

/** An SNMP agent that nobody of this project wrote. */
export interface SnmpPeer extends AsyncDisposable {
  readonly pid: number;
}

/** Starts net-snmp's agent on the loopback interface. @param config beside `agentAddress` and `engineID` */
export async function startSnmpd(udpPort: number, config: readonly string[]): Promise<SnmpPeer> {
  const program = findProgram("snmpd");
  if (program === undefined) throw new Error("There is no snmpd. Install the package snmpd.");
  const dir = await mkdtemp(join(tmpdir(), "or-"));
  const file = join(dir, "snmpd.conf");
  const lines = [`agentAddress udp:127.0.0.1:${udpPort}`, ...config, ""];
  await writeFile(file, lines.join("\n"), { mode: 0o600 });
  const child = spawn(program, ["-f", "-Lo", "-C", "-c", file, "-p", join(dir, "pid")], {
    env: { ...process.env, SNMP_PERSISTENT_DIR: join(dir, "state"), SNMPCONFPATH: dir },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await serves(child, udpPort);
  return peerOf(child, dir);
}

/**
 * Puts snmpsim of PyPI into an environment of its own below `node_modules/.cache`.
 * @returns why it cannot be had, or undefined
 */
export async function lackOfSnmpsim(): Promise<string | undefined> {
  const home = join(CACHE, `snmpsim-${SNMPSIM}`);
  // Its index files need a Python with dbm, which that of the operating system has.
  const python = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
  try {
    await installOnce(home, async () => {
      await run(python, ["-m", "venv", home], { timeout: INSTALL_MS });
      await run(join(home, "bin", "pip"), ["install", "-q", ...PACKAGES], { timeout: INSTALL_MS });
    });
    return undefined;
  } catch (error) {
    return `snmpsim ${SNMPSIM} cannot be had from PyPI: ${String(error)}`;
  }
}

export interface SnmpsimOptions {
  readonly udpPort: number;
  /** What is served, by community: the lines of a `.snmprec` file. */
  readonly trees: Readonly<Record<string, readonly string[]>>;
}

/** Starts snmpsim with recorded trees, as nobody: it does not run as root. */
export async function startSnmpsim({ udpPort, trees }: SnmpsimOptions): Promise<SnmpPeer> {
  const dir = await mkdtemp(join(tmpdir(), "or-"));
  await chmod(dir, 0o755);
  await mkdir(join(dir, "data"));
  await mkdir(join(dir, "cache"));
  await chmod(join(dir, "cache"), 0o777);
  for (const [community, lines] of Object.entries(trees)) {
    await writeFile(join(dir, "data", `${community}.snmprec`), `${lines.join("\n")}\n`);
  }
  const program = join(CACHE, `snmpsim-${SNMPSIM}`, "bin", "snmpsim-command-responder");
  const asRoot =
    process.getuid?.() === 0 ? ["--process-user", "nobody", "--process-group", "nogroup"] : [];
  const child = spawn(
    program,
    [
      `--data-dir=${join(dir, "data")}`,
      `--cache-dir=${join(dir, "cache")}`,
      `--agent-udpv4-endpoint=127.0.0.1:${udpPort}`,
      "--logging-method=stdout",
      ...asRoot,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await serves(child, udpPort);
  return peerOf(child, dir);
}

/**
 * The lines of a `.snmprec` file, in the order of their OIDs.
 * @param writable those that take what they are set to
 */
export function snmprec(
  objects: Readonly<Record<string, number | string>>,
  writable: readonly string[] = [],
): string[] {
  return Object.entries(objects)
    .toSorted(([a], [b]) => compareOids(a, b))
    .map(([oid, value]) => {
      if (typeof value === "string") return `${oid}|4x|${value}`;
      return writable.includes(oid) ? `${oid}|2:writecache|value=${value}` : `${oid}|2|${value}`;
    });
}

function compareOids(a: string, b: string): number {
  const [left, right] = [a.split(".").map(Number), b.split(".").map(Number)];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** Waits until the port is taken: what programs say of it comes too early or not at all. */
async function serves(child: ChildProcess, udpPort: number): Promise<void> {
  let said = "";
  // Read on, or it stops at a full pipe.
  child.stdout?.on("data", (chunk: Buffer) => {
    if (said.length < 65_536) said += chunk.toString("utf8");
  });
  // As local address: sockets that are connected to it stand there, too.
  const local = `: 0100007F:${udpPort.toString(16).toUpperCase().padStart(4, "0")} `;
  for (let waitedMs = 0; !readFileSync("/proc/net/udp", "utf8").includes(local); waitedMs += 50) {
    if (child.exitCode !== null || waitedMs > READY_MS) {
      child.kill("SIGKILL");
      throw new Error(`The SNMP agent did not start: ${said}`);
    }
    await sleep(50);
  }
}

function peerOf(child: ChildProcess, dir: string): SnmpPeer {
  const gone = once(child, "exit");
  return {
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await gone;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A UDP port of the loopback interface that nobody uses now. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}
