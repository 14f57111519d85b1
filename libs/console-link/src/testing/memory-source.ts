import {
  nextAfter,
  type GapReason,
  type StreamItem,
  type StreamSource,
} from "../console-stream.js";

/** A source that keeps everything, for tests of the link. */
export class MemorySource implements StreamSource {
  readonly began = 0;
  readonly items: StreamItem[] = [];
  acknowledged = 0;
  reads = 0;
  #next = 0;
  readonly #callbacks = new Set<() => void>();

  constructor(readonly stream = "stream-1") {}

  get first(): number {
    return 0;
  }

  get next(): number {
    return this.#next;
  }

  append(bytes: Uint8Array, atMicros = 1): void {
    this.#add({ kind: "bytes", offset: this.#next, atMicros, bytes });
  }

  gap(lost: number | undefined, reason: GapReason = "overrun", numbers = 1): void {
    const offset = this.#next + numbers;
    this.#add({ kind: "gap", offset, lost, reason, fromMicros: 1, toMicros: 2 });
  }

  break(): void {
    this.#add({ kind: "break", offset: this.#next, atMicros: 3 });
  }

  async read(from: number, maxBytes: number): Promise<readonly StreamItem[]> {
    this.reads++;
    await Promise.resolve();
    const found: StreamItem[] = [];
    let bytes = 0;
    for (let at = this.#indexOf(from); at < this.items.length && bytes < maxBytes; at++) {
      const item = this.items[at] as StreamItem;
      const cut =
        item.kind === "bytes"
          ? {
              ...item,
              offset: Math.max(from, item.offset),
              bytes: item.bytes
                .subarray(Math.max(0, from - item.offset))
                .subarray(0, maxBytes - bytes),
            }
          : item;
      found.push(cut);
      bytes += cut.kind === "bytes" ? cut.bytes.length : 32;
    }
    return found;
  }

  acknowledge(offset: number): void {
    this.acknowledged = offset;
  }

  onAppended(callback: () => void): Disposable {
    this.#callbacks.add(callback);
    return { [Symbol.dispose]: () => void this.#callbacks.delete(callback) };
  }

  #add(item: StreamItem): void {
    this.items.push(item);
    this.#next = nextAfter(item);
    for (const callback of this.#callbacks) callback();
  }

  /** First item of which something is at or after a number. */
  #indexOf(from: number): number {
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (nextAfter(this.items[middle] as StreamItem) > from) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
