import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { once } from "node:events";

const DEADLINE_MS = 30_000;

/** A child process whose output is read line by line. Killed when it is disposed of. */
export class Child implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly lines: string[] = [];
  #rest = "";
  readonly #closed: Promise<unknown>;

  constructor(command: string, args: readonly string[], options: SpawnOptions = {}) {
    this.process = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => this.#take(text));
    }
    this.#closed = once(this.process, "close");
  }

  /** Runs a JavaScript module in the same Node as the caller. */
  static node(module: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Child {
    return new Child(process.execPath, [module, ...args], { env: { ...process.env, ...env } });
  }

  get pid(): number {
    return this.process.pid ?? Number.NaN;
  }

  /** Resolves once `count` lines that begin with `start` have come. @throws with all lines when the process ends before or takes too long. */
  async said(start: string, count = 1): Promise<void> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    while (this.lines.filter((line) => line.startsWith(start)).length < count) {
      if (this.process.stdout?.readableEnded)
        throw new Error(`ended without ${count} × ${start}:\n${this.lines.join("\n")}`);
      await Promise.race([
        once(this.process.stdout ?? this.process, "data", { signal }),
        this.#closed,
      ]);
    }
  }

  /** Sends the signal and resolves when the process is gone and all it said is read. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.process.kill(signal);
    await this.#closed;
  }

  /** The exit code or the signal that ended it. */
  async ended(): Promise<number | NodeJS.Signals | null> {
    await this.#closed;
    return this.process.exitCode ?? this.process.signalCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    this.lines.push(...lines);
  }
}
