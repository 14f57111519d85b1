import { spawn } from "node:child_process";
import type { ConsoleListener } from "@outrider/ports/console-port";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, type Clock } from "@outrider/ports/time";
import type { Ipmitool } from "./ipmitool.js";
import type { OpenLine } from "./reconnecting-line.js";

const ESCAPE = "~".charCodeAt(0);
const CR = 13;
const LF = 10;
/** How ipmitool says that the session is up; what the machine says comes right after it. */
const BANNER = /\[SOL Session operational\.[^\]\n]{0,60}\]\r?\n/;
/** It says good-bye to the BMC once its input ends, for which a BMC may take its time. */
const PARTING = milliseconds(3000);
const LOOK_EVERY = milliseconds(5000);
/** Of serial over LAN (IPMI 2.0, 24.4). */
const GET_PAYLOAD_ACTIVATION_STATUS = [0x06, 0x4a, 0x01];
const FIRST_INSTANCE = 1;
const MOST_SAID = 4096;

/**
 * What is typed, so that ipmitool takes none of it for an order: at the begin of a line its escape character stands for
 * itself when it is doubled.
 */
export class SolEscaper {
  #atLineStart = true;

  escape(bytes: Uint8Array): Buffer {
    const out: number[] = [];
    for (const byte of bytes) {
      if (this.#atLineStart && byte === ESCAPE) out.push(ESCAPE);
      out.push(byte);
      this.#atLineStart = byte === CR || byte === LF;
    }
    return Buffer.from(out);
  }
}

/** Ends a session that somebody has on the BMC's console; none is no error. */
export async function endSol(bmc: Ipmitool, signal: AbortSignal): Promise<void> {
  try {
    await bmc.run(["sol", "deactivate"], signal);
  } catch (error) {
    if (error instanceof PortError && error.code !== "unreachable") return;
    throw error;
  }
}

/**
 * Serial over LAN by `ipmitool sol activate`, whose input and output are the console.
 * @throws PortError `refused`: somebody else has it · as `Ipmitool` · the signal's reason, once ipmitool has ended
 */
export async function openSol(
  bmc: Ipmitool,
  clock: Clock,
  listener: ConsoleListener,
  signal: AbortSignal,
): Promise<OpenLine> {
  signal.throwIfAborted();
  const { args, env } = bmc.child("sol", "activate");
  // Without, ipmitool keeps its banner to itself until the machine says something.
  const unbuffered = ["-o0", "ipmitool", ...args];
  const child = spawn("stdbuf", unbuffered, { env, stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  let up = false;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-MOST_SAID);
  });
  // Its end is told by the child's.
  child.stdin.on("error", () => {});
  const ended = new Promise<PortError>((resolve) => {
    child.once("error", () => resolve(notStarted(bmc)));
    child.once("close", () => resolve(endOf(bmc, said, up)));
  });
  const kill = (): void => void child.kill("SIGKILL");
  const running = new AbortController();
  void ended.then(() => running.abort());
  // Killed at once it would leave the BMC with a session that nobody can use until its time is over.
  const part = (): void => {
    child.stdin.end();
    clock.sleep(PARTING, running.signal).then(kill, () => {});
  };
  signal.addEventListener("abort", part, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      let head = Buffer.alloc(0);
      const begins = (chunk: Buffer): void => {
        head = Buffer.concat([head, chunk]);
        const banner = BANNER.exec(head.toString("latin1"));
        if (!banner) {
          said = (said + chunk.toString("latin1")).slice(-MOST_SAID);
          return;
        }
        up = true;
        child.stdout.off("data", begins);
        child.stdout.on("data", (bytes: Buffer) => listener.bytes(bytes));
        const rest = head.subarray(banner.index + banner[0].length);
        if (rest.length > 0) listener.bytes(rest);
        resolve();
      };
      child.stdout.on("data", begins);
      void ended.then(reject);
    });
    if (signal.aborted) await ended;
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", part);
  }
  void watch(bmc, clock, running.signal).then((gone) => {
    if (gone) kill();
  });
  const escaper = new SolEscaper();
  return {
    ended,
    write: async (piece) => {
      if (!child.stdin.writable) throw await ended;
      const taken = await new Promise<boolean>((resolve) => {
        child.stdin.write(escaper.escape(piece), (error) => resolve(!error));
      });
      if (!taken) throw await ended;
    },
    [Symbol.asyncDispose]: async () => {
      part();
      await ended;
    },
  };
}

/**
 * Asks whether the console is still somebody's: ipmitool itself takes a minute to find a BMC gone.
 * @returns true once it is not, or the BMC does not answer; false at the end of `signal`
 */
async function watch(bmc: Ipmitool, clock: Clock, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    try {
      await clock.sleep(LOOK_EVERY, signal);
      const [, active = 1] = await bmc.read(GET_PAYLOAD_ACTIVATION_STATUS, signal);
      if ((active & FIRST_INSTANCE) === 0) return true;
    } catch (error) {
      if (signal.aborted) return false;
      // A BMC that refuses the question, or has no session left for it, still serves its console.
      if (error instanceof PortError && error.code === "unreachable") return true;
    }
  }
  return false;
}

function notStarted(bmc: Ipmitool): PortError {
  return new PortError(
    "invalid-options",
    `${bmc.what}: the programs ipmitool and stdbuf cannot be started. Install them on the agent's host (Debian: ipmitool, coreutils).`,
  );
}

function endOf(bmc: Ipmitool, said: string, up: boolean): PortError {
  if (/already active|payload in use/i.test(said)) {
    return new PortError(
      "refused",
      `${bmc.what}: somebody else has its console. End that session, or set takeOver in the endpoint.`,
    );
  }
  if (/payload disabled|SOL.{0,20}disabled|not enabled/i.test(said)) {
    return new PortError(
      "refused",
      `${bmc.what} has serial over LAN switched off. Run: ipmitool sol set enabled true, and sol payload enable for the user.`,
    );
  }
  // As stdbuf says it.
  if (/failed to run command/.test(said)) return notStarted(bmc);
  if (!up) return bmc.failure(said);
  return new PortError(
    "unreachable",
    `${bmc.what}: the session of its console has ended. It is opened again as soon as the BMC lets it.`,
  );
}
