import { nextAfter, type StreamItem } from "./console-stream.js";

/**
 * Takes each item once and leaves no hole: what was there before is dropped or cut, and a jump that no gap explains
 * becomes a gap of unknown size, so that a defect of the other end is seen in the log and not only missing from it.
 */
export class Intake {
  #next: number;

  /** @param next undefined: wherever it begins */
  constructor(next: number | undefined) {
    this.#next = next ?? -1;
  }

  take(items: readonly StreamItem[]): { items: StreamItem[]; unexplained: number } {
    const taken: StreamItem[] = [];
    let unexplained = 0;
    for (const item of items) {
      const next = nextAfter(item);
      if (this.#next >= 0) {
        if (next <= this.#next) continue;
        if (item.kind !== "gap" && item.offset > this.#next) {
          unexplained++;
          taken.push(hole(item));
        }
      }
      taken.push(this.#cut(item));
      this.#next = next;
    }
    return { items: taken, unexplained };
  }

  #cut(item: StreamItem): StreamItem {
    if (item.kind !== "bytes" || item.offset >= this.#next) return item;
    return { ...item, offset: this.#next, bytes: item.bytes.subarray(this.#next - item.offset) };
  }
}

function hole(before: Exclude<StreamItem, { kind: "gap" }>): StreamItem {
  return {
    kind: "gap",
    offset: before.offset,
    lost: undefined,
    reason: "spool-failed",
    fromMicros: before.atMicros,
    toMicros: before.atMicros,
  };
}
