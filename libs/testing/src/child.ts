import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { findProgram } from "./peers.js";

export interface ChildOptions {
  readonly args?: readonly string[];
  /** Added to the environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Of Node itself, before the program; only for {@link startNode}. */
  readonly nodeOptions?: readonly string[];
  /** How long to wait for the ready line, in milliseconds. Default 60,000. */
  readonly readyWithinMs?: number;
  /**
   * Which line of standard output says that it is ready, and what it says. Default: the first JSON object with
   * `ready: true`. `none`: ready as soon as it is spawned.
   */
  readonly ready?: ((line: string) => object | undefined) | "none";
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running process of a test. Disposing kills it. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** What its ready line said. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Lines of standard output so far. */
  readonly lines: readonly string[];
  /** Standard error so far. */
  readonly stderr: () => string;
  /** Resolves when it has ended. */
  readonly exited: Promise<Exit>;
  readonly running: boolean;
  /** Sends a signal and resolves when it has ended, unless the signal is one that only stops or continues it. */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

const living = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

/**
 * Runs a Node program of the workspace as a process of its own: the shipped file, with the Node that runs the test.
 * @param program a path, or what `import.meta.resolve("@outrider/…")` gives
 */
export function startNode(program: string | URL, options: ChildOptions = {}): Promise<Child> {
  const text = String(program);
  const path = text.startsWith("file:") ? fileURLToPath(text) : text;
  return startProgram(process.execPath, {
    ...options,
    args: ["--enable-source-maps", ...(options.nodeOptions ?? []), path, ...(options.args ?? [])],
  });
}

/**
 * Runs a program and resolves when it is ready.
 * @throws Error with its standard error when it ends before, or is not ready in time; it is killed then
 */
export async function startProgram(command: string, options: ChildOptions = {}): Promise<Child> {
  const { args = [], cwd, readyWithinMs = 60_000, ready: isReady = jsonReady } = options;
  const env: NodeJS.ProcessEnv = { ...process.env };
  for (const [name, value] of Object.entries(options.env ?? {})) {
    if (value === undefined) delete env[name];
    else env[name] = value;
  }
  const [program, words] = endingWithUs(command, args);
  const process_ = spawn(program, words, { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
  living.add(process_);
  const lines: string[] = [];
  let stderr = "";
  process_.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const exited = new Promise<Exit>((resolve) => {
    process_.once("close", (code, signal) => {
      living.delete(process_);
      resolve({ code, signal });
    });
  });
  const spawned = new Promise<never>((_, reject) => process_.once("error", reject));
  const ready = new Promise<object>((resolve) => {
    if (isReady === "none") process_.once("spawn", () => resolve({}));
    createInterface({ input: process_.stdout }).on("line", (line) => {
      lines.push(line);
      const said = isReady === "none" ? undefined : isReady(line);
      if (said) resolve(said);
    });
  });
  const what = `${command} ${args.join(" ")}`;
  const dead = exited.then(({ code, signal }) => {
    throw new Error(`${what} ended before it was ready (${signal ?? code}):\n${stderr}`);
  });
  dead.catch(() => undefined);
  const slow = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => slow.reject(new Error(`${what} was not ready within ${readyWithinMs} ms:\n${stderr}`)),
    readyWithinMs,
  );
  try {
    const said = await Promise.race([ready, dead, spawned, slow.promise]);
    return childOf(process_, said as Record<string, unknown>, lines, () => stderr, exited);
  } catch (error) {
    process_.kill("SIGKILL");
    living.delete(process_);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Has the kernel end the child when this process is gone, even by SIGKILL, which runs no handler. The program takes
 * the place of `setpriv` (util-linux), so that its pid is the child's.
 */
function endingWithUs(command: string, args: readonly string[]): [string, readonly string[]] {
  const setpriv = findProgram("setpriv");
  const found = command.includes("/") ? command : findProgram(command);
  // A program that is not there is an error of ours, not of setpriv's.
  if (setpriv === undefined || found === undefined || !existsSync(found)) return [command, args];
  return [setpriv, ["--pdeathsig", "KILL", found, ...args]];
}

function childOf(
  process_: ChildProcess,
  ready: Record<string, unknown>,
  lines: readonly string[],
  stderr: () => string,
  exited: Promise<Exit>,
): Child {
  const running = (): boolean => process_.exitCode === null && process_.signalCode === null;
  const kill = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    if (running()) process_.kill(signal);
    if (!["SIGSTOP", "SIGTSTP", "SIGCONT", "SIGUSR1", "SIGUSR2", "SIGHUP"].includes(signal))
      await exited;
  };
  return {
    pid: process_.pid ?? -1,
    ready,
    lines,
    stderr,
    exited,
    get running() {
      return running();
    },
    kill,
    [Symbol.asyncDispose]: () => kill("SIGKILL"),
  };
}

function jsonReady(line: string): object | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const said = JSON.parse(line) as { ready?: unknown };
    return said.ready === true ? said : undefined;
  } catch {
    return undefined;
  }
}
