import { spawn as spawnProcess } from "node:child_process";
import { mkdirSync, openSync, closeSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ChassisSlotSpec } from "./chassis-spec.js";
import { buildLinuxGuest } from "./guest-images.js";
import { startTime } from "./life.js";
import { SlotClient } from "./slot-client.js";
import type { SimulatedFlavour } from "./simulated-slot.js";
import type { SnmpDialect } from "./snmp-dialects.js";
import type { HttpDialect } from "./switch-http.js";
import type { PortQuirk } from "./switch-ports.js";

export { SlotClient } from "./slot-client.js";
export type { ConsoleCounts, Edge, EdgeName, Faults, HostState, SlotView } from "./slot-api.js";

const READY_MS = 30_000;
const STOP_MS = 10_000;

/** A simulator in a process of its own. */
export interface Simulator extends AsyncDisposable {
  /** Where it serves the slot API. */
  readonly listen: string;
  readonly client: SlotClient;
  readonly pid: number;
  /** Ends it in order, its virtual machines with it; by force when that takes over 10 s. Again is no error. */
  stop(): Promise<void>;
}

interface Common {
  /** Where the program keeps its log, its sockets and `edges.jsonl`. Keep it short: socket paths end at 107 bytes. */
  readonly dir: string;
  /** Go on when this process ends. Otherwise the simulator ends within a second after it, however it ended. */
  readonly keepRunning?: boolean;
  /** Gives up starting. Default: after 30 s. */
  readonly signal?: AbortSignal;
}

export interface RackOptions extends Common {
  readonly slots: number;
  /** Socket path or `127.0.0.1:<port>`; default `<dir>/rack.sock`. */
  readonly listen?: string;
  /** Slots that are not `normal`. */
  readonly flavours?: Readonly<Record<number, SimulatedFlavour>>;
  readonly bootMs?: number;
  readonly shutdownMs?: number;
  readonly haltAfterMs?: number;
  /** Draw of each machine in whole watts: while it runs, and for `startingMs` from the moment its supply comes on. */
  readonly runningWatts?: number;
  readonly startingWatts?: number;
  readonly startingMs?: number;
  /** Consoles no faster than so many bits per second. Default: as fast as they can. */
  readonly consoleBaud?: number;
  /** Keeps all that each machine says in `<dir>/slot-<n>.console.log`, and what is typed to it in `…/slot-<n>.typed.log`. */
  readonly consoleLogs?: boolean;
  /** Of what a machine has said before anybody first listened, so many bytes are told to whoever comes first. Default: none. */
  readonly consoleHeldBytes?: number;
}

export interface SwitchOptions extends Common {
  readonly slots: number;
  /** Of the loopback interface: UDP for SNMP, TCP for HTTP. */
  readonly port: number;
  readonly dialect: SnmpDialect | HttpDialect;
  /** Ports that do not do as they are told. */
  readonly quirks?: Readonly<Record<number, PortQuirk>>;
  /** For SNMP. */
  readonly communities?: { readonly read: string; readonly write: string };
  /** For HTTP, of the user `outrider`. */
  readonly password?: string;
  /** A user of SNMPv3 with SHA-256 and AES. */
  readonly user?: { readonly name: string; readonly authKey: string; readonly privKey: string };
}

export interface ChassisOptions extends Common {
  /** The first is slot 1. */
  readonly slots: readonly ChassisSlotSpec[];
}

/** Starts a rack of simulated machines, detached, and waits until it serves. @throws Error with its last words */
export function startRack(options: RackOptions): Promise<Simulator> {
  return start("rack", options, [
    "--slots",
    String(options.slots),
    ...(options.listen === undefined ? [] : ["--listen", options.listen]),
    ...Object.entries(options.flavours ?? {}).flatMap(([slot, flavour]) => [
      "--flavour",
      `${slot}=${flavour}`,
    ]),
    ...numberFlag("boot-ms", options.bootMs),
    ...numberFlag("shutdown-ms", options.shutdownMs),
    ...numberFlag("halt-after-ms", options.haltAfterMs),
    ...numberFlag("running-watts", options.runningWatts),
    ...numberFlag("starting-watts", options.startingWatts),
    ...numberFlag("starting-ms", options.startingMs),
    ...numberFlag("console-baud", options.consoleBaud),
    ...(options.consoleLogs === true ? ["--console-logs"] : []),
    ...numberFlag("console-holds", options.consoleHeldBytes),
  ]);
}

/**
 * Starts a switch or a PDU that the slots of a simulated rack hang on, detached, and waits until it serves.
 * @throws Error with its last words
 */
export function startSwitch(options: SwitchOptions): Promise<Simulator> {
  const { communities, password, user, quirks = {} } = options;
  return start(
    "switch",
    options,
    [
      ...numberFlag("slots", options.slots),
      ...numberFlag("port", options.port),
      "--dialect",
      options.dialect,
      ...Object.entries(quirks).flatMap(([slot, quirk]) => ["--quirk", `${slot}=${quirk}`]),
      ...(user === undefined ? [] : ["--user", user.name]),
    ],
    {
      ...(communities === undefined
        ? {}
        : { READ_COMMUNITY: communities.read, WRITE_COMMUNITY: communities.write }),
      ...(password === undefined ? {} : { PASSWORD: password }),
      ...(user === undefined ? {} : { AUTH_KEY: user.authKey, PRIV_KEY: user.privKey }),
    },
  );
}

/**
 * Starts a chassis of virtual machines, detached, all supplies off, and waits until it serves. Builds the
 * Linux guest first where one is wanted and none is there. @throws Error with its last words, or GuestMissing
 */
export async function startChassis(options: ChassisOptions): Promise<Simulator> {
  if (options.slots.some(({ flavour }) => flavour === "linux")) await buildLinuxGuest();
  mkdirSync(options.dir, { recursive: true });
  const spec = join(options.dir, "slots.json");
  writeFileSync(spec, `${JSON.stringify(options.slots, undefined, 2)}\n`);
  return start("chassis", options, ["--slots", spec]);
}

function numberFlag(name: string, value: number | undefined): string[] {
  return value === undefined ? [] : [`--${name}`, String(value)];
}

async function start(
  program: "rack" | "chassis" | "switch",
  options: Common,
  args: readonly string[],
  secrets: Readonly<Record<string, string>> = {},
): Promise<Simulator> {
  mkdirSync(options.dir, { recursive: true });
  const logFile = join(options.dir, `${program}.log`);
  const log = openSync(logFile, "a");
  const main = fileURLToPath(new URL(`./${program}-main.js`, import.meta.url));
  const owner = options.keepRunning === true ? [] : ["--owner", String(process.pid)];
  const child = spawnProcess(process.execPath, [main, "--dir", options.dir, ...args, ...owner], {
    detached: true,
    stdio: ["ignore", "pipe", log],
    env: { ...process.env, ...secrets },
  });
  closeSync(log);
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const { pid, stdout } = child;
  const ready =
    stdout && (await readReady(stdout, options.signal ?? AbortSignal.timeout(READY_MS)));
  if (!ready || pid === undefined) {
    child.kill("SIGKILL");
    throw new Error(`The ${program} did not start. Its log ${logFile} ends: ${lastWords(logFile)}`);
  }
  stdout.destroy();
  child.unref();
  const client = new SlotClient(ready.listen);
  const stop = async (): Promise<void> => {
    client.close();
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    child.ref();
    await exited;
    clearTimeout(force);
  };
  return { listen: ready.listen, client, pid, stop, [Symbol.asyncDispose]: stop };
}

async function readReady(
  output: NodeJS.ReadableStream,
  signal: AbortSignal,
): Promise<{ listen: string } | undefined> {
  const lines = createInterface({ input: output, signal });
  for await (const line of lines) return JSON.parse(line) as { listen: string };
  return undefined;
}

function lastWords(file: string): string {
  return readFileSync(file, "utf8").trim().slice(-2000) || "nothing";
}

/** Whether a process still runs. For tests that assert that nothing was left behind. */
export function isRunning(pid: number): boolean {
  return startTime(pid) !== undefined;
}
