import { rmSync, symlinkSync, writeSync } from "node:fs";
import { ReadStream } from "node:tty";
import { knownBytes, knownLines, type Dropped } from "./known-stream.js";
import { openPty, type Pty } from "./pty.js";

/** At most so much is caught up with at once when this process itself was late. */
const LATEST_MS = 100;
const HEARD_BYTES = 1_048_576;
/** What Linux keeps of a serial port that is not read (drivers/tty/tty_buffer.c). A pseudo terminal keeps 12 KiB only. */
const ROOM_BYTES = 65_536;

export interface PacedPortSpec {
  /** Where others find the port: a link to its terminal. */
  readonly link: string;
  readonly bytesPerSecond: number;
  readonly seed: number;
  /** Says numbered lines of text; default: all 256 values. */
  readonly lines?: boolean;
  /** Falls silent after so many bytes, sent and dropped together. Default: never. */
  readonly totalBytes?: number;
  /** What waits for a slow reader before bytes are dropped, beside what the pseudo terminal takes. Default 64 KiB. */
  readonly roomBytes?: number;
  /** Gives back at once what it hears. */
  readonly echo?: boolean;
}

/** What a port has done so far. */
export interface PacedPortReport {
  /** How far its stream has come: what was sent, what was dropped, and what waits for room. */
  readonly offset: number;
  readonly waitingBytes: number;
  readonly sent: number;
  readonly droppedBytes: number;
  readonly dropped: readonly Dropped[];
  readonly heardBytes: number;
}

/** One serial port at whose other end somebody sends a known stream, as fast as its wire is and no slower. */
export class PacedPort {
  #pty: Pty | undefined;
  #reader: ReadStream | undefined;
  #offset = 0;
  #sent = 0;
  /** Runs of the stream that are due and not yet sent. */
  #waiting: { offset: number; bytes: number }[] = [];
  #dropped: { offset: number; bytes: number }[] = [];
  #heard: Buffer[] = [];
  #heardBytes = 0;
  #saying: Buffer[] = [];
  #startMs: number | undefined;
  #startOffset = 0;
  #frozen = false;

  constructor(readonly spec: PacedPortSpec) {
    this.plug();
  }

  get report(): PacedPortReport {
    return {
      offset: this.#offset,
      waitingBytes: this.#waiting.reduce((sum, { bytes }) => sum + bytes, 0),
      sent: this.#sent,
      droppedBytes: this.#dropped.reduce((sum, { bytes }) => sum + bytes, 0),
      dropped: this.#dropped.toSorted((one, other) => one.offset - other.offset),
      heardBytes: this.#heardBytes,
    };
  }

  /** The newest 1 MiB of what was heard. */
  get heard(): Buffer {
    return Buffer.concat(this.#heard);
  }

  start(nowMs: number): void {
    this.#startMs = nowMs;
    this.#startOffset = this.#offset;
  }

  stop(): void {
    this.#startMs = undefined;
  }

  /** Sends what is due by now. What the line has no room for is dropped, as by a UART. */
  step(nowMs: number): void {
    while (this.#saying.length > 0) {
      const next = this.#saying[0] as Buffer;
      const written = this.#write(next);
      if (written === next.length) this.#saying.shift();
      else {
        this.#saying[0] = next.subarray(written);
        return;
      }
    }
    if (this.#startMs === undefined) return this.#send();
    const { bytesPerSecond, totalBytes = Number.POSITIVE_INFINITY } = this.spec;
    const due = this.#startOffset + ((nowMs - this.#startMs) * bytesPerSecond) / 1000;
    const until = Math.min(
      Math.floor(due),
      totalBytes,
      this.#offset + Math.ceil((LATEST_MS * bytesPerSecond) / 1000),
    );
    if (until > this.#offset) this.#due(until - this.#offset);
    this.#send();
  }

  #due(bytes: number): void {
    const { roomBytes = ROOM_BYTES } = this.spec;
    const room =
      this.#pty === undefined
        ? 0
        : roomBytes - this.#waiting.reduce((sum, run) => sum + run.bytes, 0);
    const kept = Math.min(bytes, Math.max(0, room));
    if (kept > 0) this.#waiting.push({ offset: this.#offset, bytes: kept });
    if (kept < bytes) this.#drop(this.#offset + kept, bytes - kept);
    this.#offset += bytes;
  }

  #send(): void {
    const { seed, lines = false } = this.spec;
    const stream = lines ? knownLines : knownBytes;
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const written = this.#write(stream(seed, next.offset, next.bytes));
      this.#sent += written;
      next.offset += written;
      next.bytes -= written;
      if (next.bytes > 0) return;
      this.#waiting.shift();
    }
  }

  /** Sends these bytes, however long it takes, before anything else. */
  say(bytes: Buffer): void {
    this.#saying.push(bytes);
  }

  /** Hears nothing more, so that whoever writes gets stuck. */
  freeze(on: boolean): void {
    this.#frozen = on;
    if (on) this.#reader?.pause();
    else this.#reader?.resume();
  }

  plug(): void {
    if (this.#pty) return;
    this.#pty = openPty();
    rmSync(this.spec.link, { force: true });
    symlinkSync(this.#pty.path, this.spec.link);
    this.#reader = new ReadStream(this.#pty.master);
    this.#reader.on("error", () => {});
    this.#reader.on("data", (bytes: Buffer) => this.#hear(bytes));
    if (this.#frozen) this.#reader.pause();
  }

  /** Pulls the plug: whoever has the port open loses it, and its name goes. */
  unplug(): void {
    rmSync(this.spec.link, { force: true });
    const pty = this.#pty;
    this.#pty = undefined;
    for (const { offset, bytes } of this.#waiting.splice(0)) this.#drop(offset, bytes);
    // The reader owns the master and closes it.
    this.#reader?.destroy();
    pty?.closeSlave();
  }

  #hear(bytes: Buffer): void {
    this.#heardBytes += bytes.length;
    this.#heard.push(bytes);
    let kept = this.#heard.reduce((sum, { length }) => sum + length, 0);
    while (kept > HEARD_BYTES && this.#heard.length > 1) kept -= this.#heard.shift()?.length ?? 0;
    if (this.spec.echo === true) this.#write(bytes);
  }

  /** @returns how many bytes there was room for */
  #write(bytes: Buffer): number {
    if (!this.#pty) return 0;
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#pty.master, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
    return written;
  }

  #drop(offset: number, bytes: number): void {
    const last = this.#dropped.at(-1);
    if (last && last.offset + last.bytes === offset) last.bytes += bytes;
    else this.#dropped.push({ offset, bytes });
  }
}
