import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { milliseconds, systemClock } from "@outrider/contracts/clock";
import { findProgram } from "@outrider/simulators/find-program";
import { startTime } from "@outrider/simulators/life";
import { SlotClient, startChassis, startRack, type Simulator } from "@outrider/simulators/spawn";
import { DEMO_NODES, type DemoWires } from "./demo-site.js";

/** A unix socket's path takes 107 bytes; the longest of ours hangs below the demonstration's directory. */
const LONGEST_DIRECTORY = 107 - "/chassis/slot-1.qmp".length;
/** A simulator notices within a second that its owner is gone. */
const LEAVES_WITHIN_MS = 5000;
const LOOK_EVERY = milliseconds(100);

/** The demonstration's machines: processes of their own. */
export interface DemoMachines extends DemoWires {
  /** Whether they were found running, as they were left. */
  readonly found: boolean;
  /** Ends them, unless they shall go on. */
  close(): Promise<void>;
}

/** What is written down about a simulator, so that the next start finds it or waits for its end. */
interface Trace {
  readonly pid: number;
  readonly startTime: string;
  readonly listen: string;
  readonly kept: boolean;
}

interface Opened {
  readonly listen: string;
  readonly found: boolean;
  close(): Promise<void>;
}

/**
 * Starts the demonstration's rack, and a chassis with one virtual machine where QEMU is installed and a path fits.
 * @param options.keep leaves them running at the end, and finds them again
 * @throws Error when another process uses the same directory
 */
export async function openDemoMachines(
  directory: string,
  options: { readonly keep: boolean; readonly virtualMachine: boolean },
): Promise<DemoMachines> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const fits = Buffer.byteLength(directory) <= LONGEST_DIRECTORY;
  const rack = await open(join(directory, "rack.json"), options.keep, () =>
    startRack({
      dir: join(directory, "rack"),
      ...(fits ? {} : { listen: "127.0.0.1:0" }),
      slots: DEMO_NODES.length,
      flavours: Object.fromEntries(DEMO_NODES.map(({ flavour }, index) => [index + 1, flavour])),
      bootMs: 1500,
      shutdownMs: 1500,
      haltAfterMs: 10_000,
      // Machines that are on have said their boot, also where they were quicker than the agent.
      consoleHeldBytes: 65_536,
      keepRunning: options.keep,
    }),
  );
  try {
    if (!rack.found) await switchOn(rack.listen);
    const chassisDirectory = join(directory, "chassis");
    const withMachine = options.virtualMachine && fits && findProgram("qemu-system-x86_64");
    const chassis = withMachine
      ? await open(join(directory, "chassis.json"), options.keep, () =>
          startChassis({
            dir: chassisDirectory,
            slots: [{ flavour: "bios" }],
            keepRunning: options.keep,
          }),
        )
      : undefined;
    return {
      rack: rack.listen,
      chassis: chassis && chassisDirectory,
      found: rack.found,
      close: async () => {
        await Promise.all([rack.close(), chassis?.close()]);
      },
    };
  } catch (error) {
    await rack.close();
    throw error;
  }
}

async function switchOn(listen: string): Promise<void> {
  const client = new SlotClient(listen);
  try {
    for (const [index, { on }] of DEMO_NODES.entries()) {
      if (on) await client.supply(index + 1, true);
    }
  } finally {
    client.close();
  }
}

async function open(
  traceFile: string,
  keep: boolean,
  start: () => Promise<Simulator>,
): Promise<Opened> {
  const before = await readTrace(traceFile);
  if (before && isThere(before)) {
    if (before.kept) return adopted(traceFile, before, keep);
    await awaitEnd(before);
  }
  const simulator = await start();
  const { pid, listen } = simulator;
  await writeTrace(traceFile, { pid, listen, startTime: startTime(pid) ?? "", kept: keep });
  return {
    listen,
    found: false,
    close: async () => {
      if (keep) simulator.client.close();
      else await simulator.stop();
    },
  };
}

/** One that an earlier start left running on purpose. */
async function adopted(traceFile: string, trace: Trace, keep: boolean): Promise<Opened> {
  if (!keep) await writeTrace(traceFile, { ...trace, kept: false });
  return {
    listen: trace.listen,
    found: true,
    close: async () => {
      if (keep || !isThere(trace)) return;
      process.kill(trace.pid, "SIGTERM");
      await awaitEnd(trace);
    },
  };
}

/** One whose owner has ended is about to end. */
async function awaitEnd(trace: Trace): Promise<void> {
  const deadline = AbortSignal.timeout(LEAVES_WITHIN_MS);
  while (isThere(trace)) {
    if (deadline.aborted) {
      throw new Error(
        `the demonstration's machines of this data directory still run (process ${trace.pid}): ` +
          "another Outrider uses them; stop it, or set OUTRIDER_DATA to another directory",
      );
    }
    await systemClock.sleep(LOOK_EVERY);
  }
}

function isThere({ pid, startTime: born }: Trace): boolean {
  return startTime(pid) === born;
}

async function readTrace(file: string): Promise<Trace | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Trace;
  } catch {
    // None yet, or torn by a crash: then the simulator ended with its owner.
    return undefined;
  }
}

async function writeTrace(file: string, trace: Trace): Promise<void> {
  await writeFile(file, `${JSON.stringify(trace)}\n`);
}
