import { readdir, readFile, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { minutes, seconds, type Clock } from "@outrider/contracts/clock";
import { isNodeId, type NodeId } from "@outrider/contracts/ids";
import type { Log } from "@outrider/messaging/log";
import { parseSegmentName } from "./segment-name.js";

/** For how long the log of a node that has left is kept where the site did not say so, in milliseconds. */
const MAX_AGE_MS = 90 * 86_400_000;
/** By then the site has been heard. */
const FIRST_AFTER = seconds(60);
const EVERY = minutes(60);
/** `{"maxAgeMs": …}`, in the directory of a log whose node has left. */
const LEFT = "left.json";

/** The log of a node that the site does not have any more. */
export interface LeftLog {
  readonly node: NodeId;
  readonly bytes: number;
  /** When it goes. */
  readonly until: Date;
}

export interface LeftLogsOptions {
  /** `<OUTRIDER_DATA>/console`. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether a node has a console, or may be about to. */
  readonly isDeclared: (node: NodeId) => boolean;
}

/** What is left of consoles that the site does not have any more: told, and removed at the age that held for it. */
export class LeftLogs {
  #list: readonly LeftLog[] = [];
  #looking: Promise<void> = Promise.resolve();
  #told = "";
  readonly #stopped = new AbortController();

  constructor(private readonly options: LeftLogsOptions) {}

  get list(): readonly LeftLog[] {
    return this.#list;
  }

  start(): void {
    const { clock } = this.options;
    void clock.sleep(FIRST_AFTER, this.#stopped.signal).then(
      () => void this.look(),
      () => undefined,
    );
    this.#stopped.signal.addEventListener(
      "abort",
      clock.every(EVERY, () => void this.look()),
    );
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#looking;
  }

  /** A console is not declared any more: from now on its log is one that is left. Never throws. */
  async left(node: NodeId, maxAgeMs: number): Promise<void> {
    const path = join(this.options.directory, node, LEFT);
    await writeFile(path, JSON.stringify({ maxAgeMs }), { mode: 0o640 }).catch(() => undefined);
  }

  /** Looks for them, and removes those that are old enough. Never throws. */
  look(): Promise<void> {
    const { log } = this.options;
    this.#looking = this.#looking
      .then(() => this.#look())
      .catch((error: unknown) => {
        log.warn({ err: error }, "it cannot be seen which logs of consoles are left over");
      });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { directory, clock, log, isDeclared } = this.options;
    const found: LeftLog[] = [];
    for (const node of await readdir(directory)) {
      if (!isNodeId(node) || isDeclared(node)) continue;
      const one = await this.#measure(node);
      if (!one) continue;
      if (one.until > clock.now()) found.push(one);
      // Asked again: measuring took a while.
      else if (!isDeclared(node)) await this.#remove(one);
    }
    this.#list = found;
    const nodes = found.map(({ node }) => node).join(", ");
    if (nodes !== this.#told && nodes !== "") {
      const bytes = found.reduce((sum, one) => sum + one.bytes, 0);
      log.info(
        { nodes, bytes },
        "logs are kept of nodes that have no console any more; each goes at the age that held for it",
      );
    }
    this.#told = nodes;
  }

  async #measure(node: NodeId): Promise<LeftLog | undefined> {
    const path = join(this.options.directory, node);
    let bytes = 0;
    let newestMs = 0;
    for (const name of await segmentsIn(path)) {
      const { size, mtimeMs } = await stat(join(path, name));
      bytes += size;
      newestMs = Math.max(newestMs, mtimeMs);
    }
    if (newestMs === 0) return undefined;
    return { node, bytes, until: new Date(newestMs + (await maxAgeOf(path))) };
  }

  /** The segments: captures have bounds of their own. */
  async #remove({ node, bytes }: LeftLog): Promise<void> {
    const { directory, log } = this.options;
    const path = join(directory, node);
    const names = await segmentsIn(path);
    for (const name of [...names, LEFT, "sources.json"]) {
      await unlink(join(path, name)).catch(() => undefined);
    }
    // What else lies there stays.
    await rmdir(path).catch(() => undefined);
    log.info(
      { node, bytes },
      "the log of a node that has no console any more was removed: too old",
    );
  }
}

async function segmentsIn(path: string): Promise<string[]> {
  const names = await readdir(path).catch(() => []);
  return names.filter((name) => parseSegmentName(name) !== undefined);
}

async function maxAgeOf(path: string): Promise<number> {
  try {
    const read: unknown = JSON.parse(await readFile(join(path, LEFT), "utf8"));
    const { maxAgeMs } = read as { readonly maxAgeMs?: unknown };
    return typeof maxAgeMs === "number" && maxAgeMs > 0 ? maxAgeMs : MAX_AGE_MS;
  } catch {
    return MAX_AGE_MS;
  }
}
