import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StreamItem } from "@outrider/console-link/console-stream";
import { addLoss, itemsFrom, type SpoolGap } from "./spool-item.js";

/** A JSON list of gaps. */
export const LOSSES = "losses.json";

/** What a spool gave up before the service had it, remembered beside it so that it is still exact after a restart. */
export class SpoolLosses {
  readonly #path: string;
  #losses: SpoolGap[] = [];
  #noted = true;

  constructor(directory: string) {
    this.#path = join(directory, LOSSES);
  }

  /** A list that cannot be read leaves a hole, which is told as a gap of unknown size. @param before what is kept still */
  async load(before: number): Promise<void> {
    const list = await readFile(this.#path, "utf8").then(parse, () => []);
    // A crash may have come between noting a loss and causing it.
    this.#losses = list.filter(({ start, offset }) => start < offset && offset <= before);
  }

  async add(losses: readonly SpoolGap[]): Promise<void> {
    for (const loss of losses) addLoss(this.#losses, loss);
    this.#noted = false;
    await this.note();
  }

  forget(acknowledged: number): void {
    this.#losses = this.#losses.filter((loss) => loss.offset > acknowledged);
  }

  read(from: number, maxBytes: number): readonly StreamItem[] {
    return itemsFrom(this.#losses, from, maxBytes);
  }

  /** Writes it down, where that was not possible before. @throws the system's error */
  async note(): Promise<void> {
    if (this.#noted) return;
    // Undefined is not JSON: a gap without `lost` is one of unknown size.
    await writeFile(`${this.#path}.new`, JSON.stringify(this.#losses), { mode: 0o600 });
    await rename(`${this.#path}.new`, this.#path);
    this.#noted = true;
  }
}

function parse(text: string): SpoolGap[] {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? (list as SpoolGap[]) : [];
  } catch {
    return [];
  }
}
