import type { ConsoleStage } from "@outrider/contracts/console";
import type { Boot } from "./log-format.js";
import type { BootRecord } from "./index-text.js";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type GrowingBoot = Mutable<Omit<BootRecord, "stages">> & {
  stages: { stage: ConsoleStage; atMicros: number }[];
};

/** The chapters that a stretch of log knows of, oldest first. */
export class BootList {
  readonly #boots: GrowingBoot[] = [];

  get last(): BootRecord | undefined {
    return this.#boots.at(-1);
  }

  get records(): readonly BootRecord[] {
    return this.#boots;
  }

  begin(boot: Omit<BootRecord, "stages">): void {
    const { boot: number, position, line, atMicros } = boot;
    this.#boots.push({ boot: number, position, line, atMicros, stages: [] });
  }

  reach(stage: ConsoleStage, atMicros: number): void {
    this.#boots.at(-1)?.stages.push({ stage, atMicros });
  }
}

/**
 * Puts together what several segments know: each begins with the chapter it is in, so that one may be known twice, the
 * later time better. Chapters that end before the log begins are left out.
 */
export function mergeBoots(
  lists: Iterable<readonly BootRecord[]>,
  first: number,
  end: { readonly position: number; readonly micros: number },
): Boot[] {
  const byNumber = new Map<number, BootRecord>();
  for (const list of lists) for (const record of list) byNumber.set(record.boot, record);
  const records = [...byNumber.values()].toSorted((a, b) => a.boot - b.boot);
  return records
    .map((record, index) => {
      const next = records[index + 1];
      return {
        boot: record.boot,
        position: record.position,
        line: record.line,
        atMicros: record.atMicros,
        endPosition: next?.position ?? end.position,
        endMicros: next?.atMicros ?? Math.max(end.micros, record.atMicros),
        stages: [...new Set(record.stages.map(({ stage }) => stage))],
      };
    })
    .filter((boot) => boot.endPosition > first || boot.endPosition === end.position);
}
