import { mkdir, open, readdir, readFile, rm, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { microClock } from "@outrider/console-link/micro-clock";
import { minutes, seconds, type Clock } from "@outrider/contracts/clock";
import { isEndpointId, type EndpointId } from "@outrider/contracts/ids";
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

/** What the service never took of a console that is not here any more is kept so long, in milliseconds. */
export const LEFT_KEPT_MS = 30 * 86_400_000;
/** One of which the service has all goes after this time: whoever changes a site may change it back. */
export const DONE_KEPT_MS = 600_000;
const TIDY_EVERY = minutes(10);

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
  /** The endpoints that this agent is to have; undefined: not known yet. */
  #wanted: ReadonlySet<string> | undefined;
  #tidying: Promise<void> = Promise.resolve();
  #stopTidying: (() => void) | undefined;

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
    this.#wanted = new Set([...(this.#wanted ?? []), endpoint]);
    await this.#tidying;
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

  /**
   * Lets go of the spools of consoles that this agent is not to have any more, once nothing was written to them for
   * {@link DONE_KEPT_MS} where the service has all of it, else for {@link LEFT_KEPT_MS}. Never fails for a disk.
   * @param endpoints all that it is to have; the others are closed
   */
  keepOnly(endpoints: Iterable<EndpointId>): Promise<void> {
    this.#wanted = new Set(endpoints);
    this.#stopTidying ??= this.#options.clock.every(TIDY_EVERY, () => this.#tidy());
    return this.#tidy();
  }

  #tidy(): Promise<void> {
    const { log } = this.#options;
    this.#tidying = this.#tidying
      .then(() => this.#removeLeft())
      .catch((error: unknown) => {
        log.warn({ err: error }, "spools of consoles that are not here any more stay on the disk");
      });
    return this.#tidying;
  }

  async #removeLeft(): Promise<void> {
    const { clock, log } = this.#options;
    for (const entry of await readdir(this.#directory, { withFileTypes: true }).catch(() => [])) {
      const [endpoint = ""] = entry.name.split(/\.unreadable$/);
      if (!entry.isDirectory() || !isEndpointId(endpoint)) continue;
      const path = join(this.#directory, entry.name);
      const spool = entry.name === endpoint ? this.#open.get(endpoint) : undefined;
      const idleMs = clock.now().getTime() - (await newest(path));
      const isDone = idleMs > (spool?.isAcknowledged ? DONE_KEPT_MS : LEFT_KEPT_MS);
      // Asked last: it may be wanted again by now, and whoever opens it waits until this is over.
      if (!isDone || this.#wanted?.has(endpoint) !== false) continue;
      this.#open.delete(endpoint);
      await rm(path, { recursive: true, force: true });
      log.info({ endpoint }, "the spool of a console that is not here any more was removed");
    }
  }

  /** Closes those that are open still. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopTidying?.();
    await this.#tidying;
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

/** When something in a directory was written last, in milliseconds since 1970. */
async function newest(directory: string): Promise<number> {
  let newestMs = (await stat(directory)).mtimeMs;
  for (const name of await readdir(directory)) {
    newestMs = Math.max(newestMs, (await stat(join(directory, name))).mtimeMs);
  }
  return newestMs;
}

async function readAlive(path: string): Promise<number | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  return /^\d{17}$/.test(text) ? Number(text) : undefined;
}
