import { mkdir, open, readFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { microClock } from "@outrider/console-link/micro-clock";
import { seconds, type Clock } from "@outrider/contracts/clock";
import type { EndpointId } from "@outrider/contracts/ids";
import type { AgentLog } from "../log.js";
import type { ConsoleSpools } from "./console-line.js";
import { Gatherer } from "./gather.js";
import { Spool } from "./spool.js";

export interface SpoolsOptions {
  /** The agent's own. */
  readonly dataDirectory: string;
  /** Bound of each console's spool. */
  readonly limitBytes: number;
  readonly clock: Clock;
  readonly log: AgentLog;
  readonly nowMicros?: () => number;
}

/** So exact is the beginning of the gap that is marked after this agent was killed. */
const ALIVE_EVERY = seconds(3);
const ALIVE = "alive";

/** The spools of all consoles of this agent, and its sign of life, so that the next one knows until when it read. */
export class Spools implements ConsoleSpools {
  readonly nowMicros: () => number;
  readonly #options: SpoolsOptions;
  readonly #directory: string;
  readonly #gatherer: Gatherer;
  readonly #open = new Map<EndpointId, Spool>();
  #aliveMicros: number | undefined;
  #signs: (() => void) | undefined;
  #file: FileHandle | undefined;
  #signing: Promise<void> = Promise.resolve();
  #busy = false;

  private constructor(options: SpoolsOptions) {
    this.#options = options;
    this.nowMicros = options.nowMicros ?? microClock(options.clock);
    this.#directory = join(options.dataDirectory, "console");
    this.#gatherer = new Gatherer(options.clock);
  }

  /** Never fails for a disk. */
  static async open(options: SpoolsOptions): Promise<Spools> {
    const spools = new Spools(options);
    spools.#aliveMicros = await readAlive(join(spools.#directory, ALIVE));
    return spools;
  }

  async open(endpoint: EndpointId): Promise<Spool> {
    const { limitBytes, clock, log } = this.#options;
    // Two on the same files would be the end of them.
    await this.#open.get(endpoint)?.[Symbol.asyncDispose]();
    this.#signs ??= clock.every(ALIVE_EVERY, () => this.#sign());
    const spool = await Spool.open({
      directory: join(this.#directory, endpoint),
      limitBytes,
      gatherer: this.#gatherer,
      clock,
      nowMicros: this.nowMicros,
      log: log.with({ endpoint }),
      aliveMicros: this.#aliveMicros,
    });
    this.#open.set(endpoint, spool);
    return spool;
  }

  /** Closes those that are open still. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#signs?.();
    await Promise.all([...this.#open.values()].map((spool) => spool[Symbol.asyncDispose]()));
    await this.#signing;
    await this.#file?.close();
  }

  /** In place, and not while the last one is under way: a disk that hangs gets one write. */
  #sign(): void {
    if (this.#busy) return;
    this.#busy = true;
    this.#signing = this.#writeSign()
      // What is missing makes the gap of the next start begin earlier, with the last byte.
      .catch(() => undefined)
      .finally(() => {
        this.#busy = false;
      });
  }

  async #writeSign(): Promise<void> {
    if (!this.#file) {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      this.#file = await open(join(this.#directory, ALIVE), "w+", 0o600);
    }
    await this.#file.write(String(this.nowMicros()).padStart(17, "0"), 0);
  }
}

async function readAlive(path: string): Promise<number | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  return /^\d{17}$/.test(text) ? Number(text) : undefined;
}
