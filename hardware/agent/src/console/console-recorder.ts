import type {
  ConsoleLink,
  ConsoleListener,
  ConsoleLoss,
  ModemLines,
} from "@outrider/ports/console-port";
import type { ConsoleSpool } from "./console-line.js";

/** What consoles have said since the agent began to listen. */
export interface ConsoleCounts {
  bytes: number;
  /** What devices have counted as lost. */
  lostBytes: number;
}

/**
 * Writes down everything that a console says, in the order in which it happens: bytes, and a gap wherever some may be
 * missing.
 */
export class ConsoleRecorder implements ConsoleListener {
  #link: ConsoleLink | undefined;
  #modem: ModemLines | undefined;
  #lastMicros: number;
  /** Since when the device has been away, and how much was lost by that, where the device has counted it. */
  #away: { readonly sinceMicros: number; lost: number | undefined } | undefined;
  readonly #watchers = new Set<(chunk: Buffer) => void>();
  #closed = false;

  /**
   * @param changed is told when link or modem lines have changed
   * @param counts what it adds to
   */
  constructor(
    private readonly spool: Pick<ConsoleSpool, "append" | "gap" | "break">,
    private readonly micros: () => number,
    private readonly changed: () => void,
    readonly counts: ConsoleCounts = { bytes: 0, lostBytes: 0 },
  ) {
    this.#lastMicros = micros();
  }

  /** Undefined until the driver has said it. */
  get linked(): ConsoleLink | undefined {
    return this.#link;
  }

  get lines(): ModemLines | undefined {
    return this.#modem;
  }

  bytes(chunk: Buffer): void {
    if (this.#closed || chunk.length === 0) return;
    this.#lastMicros = this.micros();
    this.counts.bytes += chunk.length;
    this.spool.append(chunk);
    for (const watcher of this.#watchers) watcher(chunk);
  }

  lost({ bytes, reason }: ConsoleLoss): void {
    if (this.#closed) return;
    this.counts.lostBytes += bytes ?? 0;
    if (reason === "disconnected" && this.#away) {
      this.#away.lost = bytes;
      return;
    }
    this.spool.gap({ lost: bytes, reason, fromMicros: this.#lastMicros });
    this.#lastMicros = this.micros();
  }

  link(link: ConsoleLink): void {
    if (this.#closed) return;
    this.#link = link;
    if (link.up) this.#isBack();
    else this.#away ??= { sinceMicros: this.micros(), lost: undefined };
    this.changed();
  }

  modem(lines: ModemLines): void {
    if (this.#closed) return;
    this.#modem = lines;
    this.changed();
  }

  broke(): void {
    if (this.#closed) return;
    this.spool.break();
    this.#lastMicros = this.micros();
  }

  /** Calls back with all bytes that come from now on. */
  watch(callback: (chunk: Buffer) => void): Disposable {
    this.#watchers.add(callback);
    return { [Symbol.dispose]: () => void this.#watchers.delete(callback) };
  }

  /** Nobody hears any more what a driver still says that was let go. A time away that has not ended is written down. */
  close(): void {
    if (this.#closed) return;
    this.#isBack();
    this.#closed = true;
    this.#watchers.clear();
  }

  #isBack(): void {
    if (!this.#away) return;
    const { sinceMicros: fromMicros, lost } = this.#away;
    this.#away = undefined;
    this.spool.gap({ lost, reason: "disconnected", fromMicros });
    this.#lastMicros = this.micros();
  }
}
