import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import type { SourcePosition } from "./console-log.js";
import { syncDirectory } from "./sync-directory.js";

const FILE = "sources.json";
/** A console does not move between more agents than that; the oldest go. */
const MOST = 16;

/**
 * Where a log was in sources that it is not in now: a console that comes back to an agent goes on there, and nothing of
 * what that agent still has is taken twice.
 */
export class PastSources {
  readonly #offsets = new Map<string, number>();
  #writing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly directory: string,
    private readonly report: (problem: string) => void,
  ) {}

  /** A list that cannot be read is none: then something may come twice. */
  static async load(directory: string, report: (problem: string) => void): Promise<PastSources> {
    const sources = new PastSources(directory, report);
    const text = await readFile(join(directory, FILE), "utf8").catch(() => "[]");
    for (const [stream, offset] of parse(text)) sources.#offsets.set(stream, offset);
    return sources;
  }

  get(stream: string): number | undefined {
    return this.#offsets.get(stream);
  }

  /** The log goes on in another source. */
  left({ stream, offset }: SourcePosition): void {
    this.#offsets.delete(stream);
    this.#offsets.set(stream, offset);
    for (const oldest of this.#offsets.keys()) {
      if (this.#offsets.size <= MOST) break;
      this.#offsets.delete(oldest);
    }
    this.#keep();
  }

  /** The log is in this one again: what it says of itself counts. */
  entered(stream: string): void {
    if (this.#offsets.delete(stream)) this.#keep();
  }

  /** Resolves when all that is known is on the disk, or could not be brought there. */
  kept(): Promise<void> {
    return this.#writing;
  }

  #keep(): void {
    this.#writing = this.#writing
      .then(() => this.#write())
      .catch((error: unknown) => {
        this.report(
          `${join(this.directory, FILE)} cannot be written (${(error as Error).message}): should the console move back to an agent that it was on before, some of what it said there may come twice.`,
        );
      });
  }

  async #write(): Promise<void> {
    const path = join(this.directory, FILE);
    const handle = await open(`${path}.new`, "w", 0o600);
    try {
      await handle.writeFile(JSON.stringify([...this.#offsets]));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${path}.new`, path);
    await syncDirectory(this.directory);
  }
}

function parse(text: string): [string, number][] {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(read)) return [];
  return read.filter(
    (one): one is [string, number] =>
      Array.isArray(one) && typeof one[0] === "string" && Number.isSafeInteger(one[1]),
  );
}
