import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { seconds, type Duration } from "@outrider/contracts/clock";

/** How long a part may take to end before it is killed. */
export const STOP_WITHIN = seconds(10);
/**
 * An agent waits up to 15 s for what it is doing, so that a cycle is not left with the supply off. Whoever kills it
 * sooner leaves the node off until the agent is started again.
 */
export const AGENT_STOP_WITHIN = seconds(20);

export interface PartOptions {
  readonly name: string;
  /** `file:` URL of the compiled program. */
  readonly program: string;
  /** Of Node itself. */
  readonly nodeOptions?: readonly string[];
  /**
   * Asked for at every start. It takes the place of every `OUTRIDER_` variable of ours but those about logs and tests.
   */
  readonly environment: () => Readonly<Record<string, string | undefined>>;
  readonly stopWithin: Duration;
}

type Ready = Readonly<Record<string, unknown>>;

/** How a process has ended: in words, and its exit code where it has one. */
export interface End {
  readonly how: string;
  readonly code: number | undefined;
}

/** One process of a part. */
export interface Run {
  readonly pid: number;
  /** What it says, in a line of JSON on its standard output, when it serves. Never settled when it does not. */
  readonly ready: Promise<Ready>;
  readonly ended: Promise<End>;
}

/** A program that is started, and started again. */
export class Part {
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(readonly options: PartOptions) {}

  get name(): string {
    return this.options.name;
  }

  /** Of the process that was started last; 0 before. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  run(): Run {
    const { program, nodeOptions = [], environment } = this.options;
    const args = ["--enable-source-maps", ...nodeOptions, fileURLToPath(program)];
    const child = spawn(process.execPath, args, {
      env: { ...inherited(), ...environment() },
      stdio: ["ignore", "pipe", "inherit"],
      // A group of its own: Ctrl-C is for the supervisor, which ends the parts in their order.
      detached: true,
    });
    const ended = new Promise<End>((resolve) => {
      child.once("exit", (code, signal) => {
        resolve({ how: signal ?? `code ${code}`, code: code ?? undefined });
      });
      child.once("error", ({ message }) => resolve({ how: message, code: undefined }));
    });
    const ready = new Promise<Ready>((resolve) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        const said = readyLine(line);
        if (said) resolve(said);
      });
    });
    this.#child = child;
    this.#ended = ended;
    return { pid: child.pid ?? 0, ready, ended };
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Ends its process, by force when it takes too long. */
  async stop(say: (line: string) => void): Promise<void> {
    this.signal("SIGTERM");
    const force = setTimeout(() => {
      say(`${this.name} (process ${this.pid}) did not end in time and is killed`);
      this.signal("SIGKILL");
    }, this.options.stopWithin);
    await this.#ended;
    clearTimeout(force);
  }
}

/** A part is configured by the supervisor alone. */
function inherited(): NodeJS.ProcessEnv {
  const keep = ["OUTRIDER_LOG_LEVEL", "OUTRIDER_BOOT_ID_FILE"];
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !name.startsWith("OUTRIDER_") || keep.includes(name),
    ),
  );
}

function readyLine(line: string): Ready | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const said = JSON.parse(line) as Record<string, unknown>;
    return said["ready"] === true ? said : undefined;
  } catch {
    return undefined;
  }
}
