import { startNode, type Child } from "@outrider/testing/child";

type Environment = Readonly<Record<string, string | undefined>>;

/** Nothing of ours is inherited: a part is what the deployment makes it. */
const NOT_INHERITED: Environment = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => name.startsWith("OUTRIDER_"))
    .map((name) => [name, undefined]),
);

const LAST_WORDS_LENGTH = 12_000;

/** One program of the deployment. It can be ended in every way, and started again as another process. */
export class Part implements AsyncDisposable {
  readonly #runs: Child[] = [];

  /** @param program what `import.meta.resolve` gives @param nodeOptions of Node itself */
  constructor(
    readonly name: string,
    private readonly program: string,
    private readonly environment: () => Environment,
    private readonly nodeOptions: readonly string[] = [],
  ) {}

  get running(): boolean {
    return this.#runs.at(-1)?.running === true;
  }

  /** Of the process that was started last. */
  get pid(): number {
    return this.#current.pid;
  }

  /** What the ready line of the last process said. */
  get ready(): Readonly<Record<string, unknown>> {
    return this.#current.ready;
  }

  /** Resolves when the last process has ended: with which code, or by which signal. */
  get exited(): Child["exited"] {
    return this.#current.exited;
  }

  /** All that its processes have said, in their order. */
  log(): string {
    return this.#runs.map((child) => child.stderr()).join("");
  }

  /** The end of {@link log}, with a heading: for a test that has failed. */
  lastWords(): string {
    const log = this.log();
    const cut = log.length > LAST_WORDS_LENGTH ? "…" : "";
    const state = this.running ? `process ${this.pid}` : "not running";
    return `── ${this.name} (${state}) ──\n${cut}${log.slice(-LAST_WORDS_LENGTH)}`;
  }

  /**
   * Starts it and waits until it says that it is ready.
   * @param more environment of this process alone
   * @throws Error with its words when it ends before
   */
  async start(more: Environment = {}): Promise<void> {
    if (this.running) throw new Error(`${this.name} runs already`);
    const env = { ...NOT_INHERITED, ...this.environment(), ...more };
    const { nodeOptions } = this;
    this.#runs.push(await startNode(this.program, { env, nodeOptions, readyWithinMs: 120_000 }));
  }

  /** Ends it as an operator does, by force when that takes over 15 s. */
  async stop(): Promise<void> {
    if (!this.running) return;
    const force = setTimeout(() => void this.#current.kill("SIGKILL"), 15_000);
    await this.#current.kill("SIGTERM");
    clearTimeout(force);
  }

  /** SIGKILL: nothing is flushed, nobody is told. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.running) await this.#current.kill("SIGKILL");
  }

  async restart(more: Environment = {}): Promise<void> {
    await this.kill();
    await this.start(more);
  }

  /** Sends a signal and does not wait: SIGSTOP, SIGCONT, SIGHUP. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  get #current(): Child {
    const child = this.#runs.at(-1);
    if (!child) throw new Error(`${this.name} was never started`);
    return child;
  }
}
