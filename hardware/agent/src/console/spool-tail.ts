import { nextAfter, type StreamItem } from "@outrider/console-link/console-stream";
import {
  addLoss,
  costOf,
  itemsFrom,
  lossOf,
  startOf,
  type SpoolGap,
  type SpoolItem,
} from "./spool-item.js";

/**
 * The newest items, in memory: those that are not on disk yet, and before them some that are, so that the link does not
 * read what was written a moment ago.
 */
export class SpoolTail {
  #items: SpoolItem[] = [];
  /** How many of them, from the oldest on, are on disk. */
  #written = 0;
  /** How many after those are being written now, and must stay as they are. */
  #writing = 0;
  #cost = 0;
  #unwrittenCost = 0;

  constructor(
    readonly liveBytes: number,
    readonly unwrittenBytes: number,
  ) {}

  /** Number of its oldest item; undefined: it is empty. */
  get first(): number | undefined {
    const [item] = this.#items;
    return item && startOf(item);
  }

  get hasUnwritten(): boolean {
    return this.#items.length > this.#written;
  }

  get unwrittenCost(): number {
    return this.#unwrittenCost;
  }

  /** @returns whether items had to be given up for it */
  push(item: SpoolItem): boolean {
    this.#items.push(item);
    this.#cost += costOf(item);
    this.#unwrittenCost += costOf(item);
    if (this.#unwrittenCost <= this.unwrittenBytes) return false;
    return this.#giveUp();
  }

  /** Items at and after `from`, where they are here. */
  read(from: number, maxBytes: number): readonly StreamItem[] {
    return itemsFrom(this.#items.slice(this.#indexOf(from)), from, maxBytes);
  }

  /** Items to be written now; `written` or `failed` must follow. */
  takeUnwritten(maxBytes: number): readonly SpoolItem[] {
    let bytes = 0;
    let end = this.#written;
    for (; end < this.#items.length && bytes < maxBytes; end++) {
      bytes += costOf(this.#items[end] as SpoolItem);
    }
    this.#writing = end - this.#written;
    return this.#items.slice(this.#written, end);
  }

  written(): void {
    const end = this.#written + this.#writing;
    for (let at = this.#written; at < end; at++) {
      this.#unwrittenCost -= costOf(this.#items[at] as SpoolItem);
    }
    this.#written = end;
    this.#writing = 0;
    this.#trim();
  }

  failed(): void {
    this.#writing = 0;
  }

  /**
   * The service has everything before a number: it need not be kept, and where the disk takes nothing, not be written.
   */
  forget(before: number, unwrittenToo: boolean): void {
    let count = 0;
    const bound = unwrittenToo && this.#writing === 0 ? this.#items.length : this.#written;
    while (count < bound && nextAfter(this.#items[count] as SpoolItem) <= before) count++;
    this.#drop(count);
  }

  #trim(): void {
    let count = 0;
    let cost = this.#cost;
    while (count < this.#written && cost > this.liveBytes) {
      cost -= costOf(this.#items[count] as SpoolItem);
      count++;
    }
    this.#drop(count);
  }

  #drop(count: number): void {
    // Moving a long list for a single item would cost more than the item.
    if (count === 0 || count < this.#items.length / 8) return;
    for (let at = 0; at < count; at++) {
      const cost = costOf(this.#items[at] as SpoolItem);
      this.#cost -= cost;
      if (at >= this.#written) this.#unwrittenCost -= cost;
    }
    this.#items = this.#items.slice(count);
    this.#written = Math.max(0, this.#written - count);
  }

  /** The oldest quarter of what is not on disk and not on its way there becomes gaps that say how much it was. */
  #giveUp(): boolean {
    const from = this.#written + this.#writing;
    const target = this.unwrittenBytes * 0.75;
    const losses: SpoolGap[] = [];
    let end = from;
    for (; end < this.#items.length - 1 && this.#unwrittenCost > target; end++) {
      const item = this.#items[end] as SpoolItem;
      const cost = costOf(item);
      this.#unwrittenCost -= cost;
      this.#cost -= cost;
      addLoss(losses, lossOf(item, "spool-failed"));
    }
    if (end === from) return false;
    for (const loss of losses) {
      this.#unwrittenCost += costOf(loss);
      this.#cost += costOf(loss);
    }
    this.#items.splice(from, end - from, ...losses);
    return true;
  }

  #indexOf(from: number): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (nextAfter(this.#items[middle] as SpoolItem) > from) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
