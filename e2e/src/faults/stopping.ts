import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "@outrider/testing/eventually";
import type { Part } from "../part.js";

/** A point at which a process is to stop until it is told to go on. */
export class StopPoint {
  readonly #file: string;

  constructor(
    readonly name: string,
    folder: string,
    private readonly passage = 1,
  ) {
    this.#file = join(folder, `stopped-${name}-${passage}-${process.hrtime.bigint()}`);
  }

  get setting(): string {
    return `${this.name}#${this.passage}:stop:${this.#file}`;
  }

  /** Resolves when the process stands still. */
  async reached(part: Part): Promise<void> {
    await eventually(
      `${part.name} stops at ${this.name}`,
      async () => {
        await readFile(this.#file);
        const stat = await readFile(`/proc/${part.pid}/stat`, "utf8");
        return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
      },
      { withinMs: 60_000 },
    );
  }
}

/** The environment of a process that is to stop at each of these. */
export function stopsAt(points: readonly StopPoint[]): { OUTRIDER_FAILPOINT: string } {
  return { OUTRIDER_FAILPOINT: points.map(({ setting }) => setting).join(",") };
}
