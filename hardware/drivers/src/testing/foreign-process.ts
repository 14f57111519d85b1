import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const READY_MS = 60_000;
const STOP_MS = 5000;

/** A program that is not ours, as a device that drivers speak to. */
export interface ForeignProcess {
  readonly pid: number;
  /** Ends it, by force when it does not listen to reason. Again is no error. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface ForeignOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Where both of its outputs go. */
  readonly log: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Whether it serves now; asked until it does. */
  readonly ready: () => Promise<boolean>;
}

/** Starts it and waits until it serves. @throws Error with its last words */
export async function startForeign(options: ForeignOptions): Promise<ForeignProcess> {
  const { command, args, log, env = {}, cwd, ready } = options;
  const out = openSync(log, "a");
  const child = spawn(command, args, {
    stdio: ["ignore", out, out],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  closeSync(out);
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const stop = async (signal: NodeJS.Signals = "SIGTERM"): Promise<void> => {
    child.kill(signal);
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await exited;
    clearTimeout(force);
  };
  const until = performance.now() + READY_MS;
  while (!(await ready())) {
    if (child.exitCode !== null || child.pid === undefined || performance.now() > until) {
      await stop("SIGKILL");
      throw new Error(`${command} does not serve: ${readFileSync(log, "utf8").slice(-2000)}`);
    }
    await sleep(50);
  }
  return { pid: child.pid ?? 0, stop };
}

/** A TCP port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Whether somebody accepts connections there. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
