import { join } from "node:path";
import { openStorage } from "@outrider/storage/open-storage";
import type { Storage } from "@outrider/storage/storage";
import { hostMs } from "./machine.js";

const DOCUMENT = "x".repeat(800);

/** A store like the journals, on their file system: what a commit costs when nothing else is done. */
export class Commits implements AsyncDisposable {
  private constructor(private readonly storage: Storage) {}

  static async open(directory: string): Promise<Commits> {
    const storage = await openStorage({
      file: join(directory, "bench.sqlite"),
      migrations: {
        namespace: "bench",
        steps: [
          {
            id: 1,
            name: "commits",
            sql: "CREATE TABLE bench_commit (number INTEGER PRIMARY KEY, document TEXT NOT NULL)",
          },
        ],
      },
    });
    return new Commits(storage);
  }

  /** As many writers at once, one row each. Resolves with how long each waited for its flush, in milliseconds. */
  burst(atOnce: number): Promise<number[]> {
    return Promise.all(Array.from({ length: atOnce }, () => this.#one()));
  }

  /** The same, one writer after another. */
  async inTurn(count: number): Promise<number[]> {
    const waits: number[] = [];
    for (let done = 0; done < count; done++) waits.push(await this.#one());
    return waits;
  }

  /** Flushes so far. */
  get flushes(): number {
    return this.storage.stats().commits;
  }

  async #one(): Promise<number> {
    const startMs = hostMs();
    await this.storage.write([
      { sql: "INSERT INTO bench_commit (document) VALUES (?)", params: [DOCUMENT] },
    ]);
    return hostMs() - startMs;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.storage.close();
  }
}
