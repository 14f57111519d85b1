import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 10_000;

interface Part {
  readonly name: string;
  readonly process: ChildProcess;
  readonly exited: Promise<void>;
}

/** Runs parts as child processes; the end of one is the end of all. */
export class Supervisor {
  readonly #parts: Part[] = [];
  readonly #over = new AbortController();
  /** Of the part that ended first, when it was not told to. */
  #exitCode = 0;

  /** @param stop told from outside to end everything */
  constructor(
    private readonly say: (line: string) => void,
    stop: AbortSignal,
  ) {
    stop.addEventListener("abort", () => this.#over.abort(), { once: true });
    if (stop.aborted) this.#over.abort();
  }

  /** Aborted as soon as one part has ended or everything shall. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /**
   * Starts a part and waits until it says, in a line of JSON on its standard output, that it serves.
   * @param environment takes the place of every `OUTRIDER_` variable of ours but those about logs and tests
   * @returns what its line says
   * @throws Error when it ends before, or is not ready in time
   */
  async start(
    name: string,
    program: string,
    environment: Readonly<Record<string, string | undefined>>,
  ): Promise<Record<string, unknown>> {
    this.#over.signal.throwIfAborted();
    const child = spawn(process.execPath, ["--enable-source-maps", fileURLToPath(program)], {
      env: { ...inherited(), ...environment },
      stdio: ["ignore", "pipe", "inherit"],
      // A group of its own: Ctrl-C is for the supervisor, which ends the parts in their order.
      detached: true,
    });
    const exited = new Promise<void>((resolve) => {
      child.once("exit", (code, signal) => {
        this.#ended(name, child, signal ?? `code ${code}`, code);
        resolve();
      });
      child.once("error", (error) => {
        this.#ended(name, child, error.message, 1);
        resolve();
      });
    });
    this.#parts.push({ name, process: child, exited });
    const ready = Promise.withResolvers<Record<string, unknown>>();
    createInterface({ input: child.stdout }).on("line", (line) => {
      const said = readyLine(line);
      if (said) ready.resolve(said);
    });
    const late = AbortSignal.any([this.#over.signal, AbortSignal.timeout(READY_WITHIN_MS)]);
    const give = (): void => ready.reject(new Error(`${name} did not become ready`));
    late.addEventListener("abort", give, { once: true });
    if (late.aborted) give();
    return ready.promise;
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.#parts.find((part) => part.name === name)?.process.kill(signal);
  }

  pids(): Record<string, number> {
    return Object.fromEntries(this.#parts.map((part) => [part.name, part.process.pid ?? 0]));
  }

  /** Resolves with the exit code once one part has ended or everything shall. */
  ended(): Promise<number> {
    return new Promise((resolve) => {
      const end = (): void => resolve(this.#exitCode);
      if (this.#over.signal.aborted) end();
      else this.#over.signal.addEventListener("abort", end, { once: true });
    });
  }

  /** Ends all parts, the last one started first, by force where one takes too long. */
  async stop(): Promise<void> {
    this.#over.abort();
    for (const { name, process: child, exited } of this.#parts.toReversed()) {
      child.kill("SIGTERM");
      const force = setTimeout(() => {
        this.say(`${name} (process ${child.pid}) did not end in time and is killed`);
        child.kill("SIGKILL");
      }, STOP_WITHIN_MS);
      await exited;
      clearTimeout(force);
    }
  }

  #ended(name: string, child: ChildProcess, how: string, code: number | null): void {
    if (this.#over.signal.aborted) return;
    this.#exitCode = code === null || code === 0 ? 1 : code;
    this.say(`${name} (process ${child.pid}) ended with ${how}; the other parts are stopped`);
    this.#over.abort();
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

function readyLine(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const said = JSON.parse(line) as Record<string, unknown>;
    return said["ready"] === true ? said : undefined;
  } catch {
    return undefined;
  }
}
