import type { ConsoleLine } from "./console-line.js";
import { nextAfter, type StreamItem } from "./console-stream.js";
import { encodeItems, SLICE_BYTES, slices } from "./items-frame.js";
import { PAYLOAD_AT } from "./frame.js";

/** What one console has to send: reads its source one lot ahead, and holds no more than that. */
export class OutgoingConsole {
  readonly #changed: (console: OutgoingConsole) => void;
  readonly #failed: (error: unknown) => void;
  #subscription: Disposable | undefined;
  #cursor: number | undefined;
  #lots: StreamItem[][] = [];
  #reading = false;
  #more = false;
  #over = false;
  #creditBytes = 0;
  /** Whether it was idle before what it has now: then it goes before those that always have something. */
  fresh = true;

  /**
   * @param changed called when it may have become able to send
   * @param failed called when its source cannot be read
   */
  constructor(
    readonly console: number,
    readonly line: ConsoleLine,
    changed: (console: OutgoingConsole) => void,
    failed: (error: unknown) => void,
  ) {
    this.#changed = changed;
    this.#failed = failed;
  }

  get started(): boolean {
    return this.#cursor !== undefined;
  }

  /** Begins at a number. */
  start(from: number, creditBytes: number): void {
    this.#cursor = from;
    this.#creditBytes = creditBytes;
    this.#subscription = this.line.source.onAppended(() => {
      this.#more = true;
      this.#read();
    });
    this.#more = true;
    this.#read();
  }

  credit(bytes: number): void {
    this.#creditBytes += bytes;
    this.#changed(this);
  }

  get ready(): boolean {
    return !this.#over && this.#creditBytes > 0 && this.#lots.length > 0;
  }

  /** Whether what it has is so little that it was typed, or is the answer to that. */
  get interactive(): boolean {
    const [lot] = this.#lots;
    return this.#lots.length === 1 && lot?.length === 1 && sizeOf(lot[0]) <= INTERACTIVE_BYTES;
  }

  /** The next frame to send, and the payload that counts. Only while it is ready. */
  take(): { readonly frame: Buffer; readonly bytes: number } {
    const lot = this.#lots.shift() ?? [];
    const frame = encodeItems(this.console, lot);
    const bytes = frame.length - PAYLOAD_AT;
    this.#creditBytes -= bytes;
    this.fresh = false;
    if (this.#lots.length === 0) {
      this.fresh = !this.#more;
      this.#read();
    }
    return { frame, bytes };
  }

  stop(): void {
    this.#over = true;
    this.#lots = [];
    this.#subscription?.[Symbol.dispose]();
  }

  #read(): void {
    if (this.#over || this.#reading || !this.#more || this.#lots.length > 0) return;
    if (this.#cursor === undefined) return;
    const { source } = this.line;
    this.#reading = true;
    this.#more = false;
    // An echo is in memory, and does not wait for a promise.
    const now = source.readNow?.(this.#cursor, SLICE_BYTES);
    if (now) return this.#have(now);
    source.read(this.#cursor, SLICE_BYTES).then(
      (items) => this.#have(items),
      (error: unknown) => this.#failed(error),
    );
  }

  #have(items: readonly StreamItem[]): void {
    this.#reading = false;
    if (this.#over) return;
    const last = items.at(-1);
    if (!last) {
      this.fresh = true;
      return this.#read();
    }
    this.#cursor = nextAfter(last);
    this.#more = true;
    this.#lots = slices(items);
    this.#changed(this);
  }
}

const INTERACTIVE_BYTES = 1024;

function sizeOf(item: StreamItem | undefined): number {
  return item?.kind === "bytes" ? item.bytes.length : 0;
}
