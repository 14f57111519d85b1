import { constants } from "node:os";
import type { ControlLines, LineSettings, ModemLines } from "@outrider/ports/console-port";
import koffi from "koffi";
import {
  decodeSettings,
  encodeSettings,
  isParked,
  parkSettings,
  TERMIOS_BYTES,
} from "./serial-settings.js";

/** Requests of ioctl_tty(2) as Linux numbers them on amd64 and arm64 (asm-generic/ioctls.h). */
const TCGETS2 = 0x80_2c_54_2a;
const TCSETS2 = 0x40_2c_54_2b;
const TCFLSH = 0x54_0b;
const TIOCEXCL = 0x54_0c;
const TIOCOUTQ = 0x54_11;
const TIOCMGET = 0x54_15;
const TIOCMBIS = 0x54_16;
const TIOCMBIC = 0x54_17;
const TIOCSBRK = 0x54_27;
const TIOCCBRK = 0x54_28;
const TIOCGICOUNT = 0x54_5d;

const DTR = 0x2;
const RTS = 0x4;
const CTS = 0x20;
const DCD = 0x40;
const RI = 0x80;
const DSR = 0x100;

/** `struct serial_icounter_struct`: cts, dsr, rng, dcd, rx, tx, frame, overrun, parity, brk, buf_overrun, nine spare. */
const COUNTS_BYTES = 80;

/** flock(2): for one only, without waiting. */
const LOCK_NOW = 2 | 4;

const { EAGAIN, EINTR, ENOTTY, EINVAL } = constants.errno;

const libc = koffi.load(null);
const ioctl = libc.func("int ioctl(int fd, unsigned long request, void *argument)");
const ioctlValue = libc.func("ioctl", "int", ["int", "unsigned long", "long"]);
const flock = libc.func("int flock(int fd, int operation)");
const readBytes = libc.func("long read(int fd, void *bytes, size_t length)");
const writeBytes = libc.func("long write(int fd, const void *bytes, size_t length)");

/** A call to the system about a terminal failed. */
export class TerminalError extends Error {
  override readonly name = "TerminalError";
  constructor(
    readonly call: string,
    readonly errno: number,
  ) {
    super(`${call} failed (${errnoName(errno)})`);
  }

  /** Whether the device has no such thing: a pseudo terminal has neither modem lines nor counters. */
  get missing(): boolean {
    return this.errno === ENOTTY || this.errno === EINVAL;
  }
}

/** What the device has counted since it was plugged in. They wrap round. */
export interface ErrorCounts {
  readonly frame: number;
  readonly overrun: number;
  readonly parity: number;
  readonly breaks: number;
  readonly bufferOverrun: number;
}

/** What a terminal that is open can be asked for, past Node. Each throws TerminalError; none waits. */
export class Terminal {
  constructor(private readonly fd: number) {}

  /** @returns how many bytes were read; 0: none are there; undefined: the other end is gone */
  read(into: Buffer): number | undefined {
    const bytes = Number(readBytes(this.fd, into, into.length));
    if (bytes > 0) return bytes;
    if (bytes < 0 && wouldWait(koffi.errno())) return 0;
    return undefined;
  }

  /** @returns how many bytes there was room for */
  write(bytes: Uint8Array): number {
    const written = Number(writeBytes(this.fd, bytes, bytes.length));
    if (written >= 0) return written;
    if (wouldWait(koffi.errno())) return 0;
    throw new TerminalError("write", koffi.errno());
  }

  get settings(): LineSettings {
    const termios = Buffer.alloc(TERMIOS_BYTES);
    this.#ask("TCGETS2", TCGETS2, termios);
    return decodeSettings(termios);
  }

  set settings(settings: LineSettings) {
    const termios = Buffer.alloc(TERMIOS_BYTES);
    this.#ask("TCGETS2", TCGETS2, termios);
    encodeSettings(termios, settings);
    this.#ask("TCSETS2", TCSETS2, termios);
  }

  /** Takes the lock that terminal programs respect. @returns false when another has it */
  lock(): boolean {
    if ((flock(this.fd, LOCK_NOW) as number) >= 0) return true;
    if (wouldWait(koffi.errno())) return false;
    throw new TerminalError("flock", koffi.errno());
  }

  /**
   * Zero baud: the lines that this end drives are all that it is used for. Linux drops them on the way, unless it was so
   * already, and does not raise them when the port is opened the next time; closing drops none.
   */
  park(): void {
    const termios = Buffer.alloc(TERMIOS_BYTES);
    this.#ask("TCGETS2", TCGETS2, termios);
    if (isParked(termios)) return;
    parkSettings(termios);
    this.#ask("TCSETS2", TCSETS2, termios);
  }

  /** Nobody else may open it from now on, root apart. */
  exclude(): void {
    this.#tell("TIOCEXCL", TIOCEXCL, 0);
  }

  get modem(): ModemLines {
    const bits = Buffer.alloc(4);
    this.#ask("TIOCMGET", TIOCMGET, bits);
    return modemLines(bits);
  }

  /** The same from another thread: a USB adapter may have to be asked over its wire. */
  modemLater(): Promise<ModemLines> {
    const bits = Buffer.alloc(4);
    return new Promise((resolve, reject) => {
      ioctl.async(this.fd, TIOCMGET, bits, (error: Error | null, result: number) => {
        if (error) reject(error);
        // The number of the error stays in the other thread.
        else if (result < 0) reject(new TerminalError("TIOCMGET", 0));
        else resolve(modemLines(bits));
      });
    });
  }

  /** What this end's lines were told last, by whomever. */
  get controls(): ControlLines {
    const bytes = Buffer.alloc(4);
    this.#ask("TIOCMGET", TIOCMGET, bytes);
    const bits = bytes.readUInt32LE();
    return { dtr: (bits & DTR) !== 0, rts: (bits & RTS) !== 0 };
  }

  control(lines: Partial<ControlLines>): void {
    const set = bitsOf(lines, true);
    const clear = bitsOf(lines, false);
    if (set !== 0) this.#ask("TIOCMBIS", TIOCMBIS, word(set));
    if (clear !== 0) this.#ask("TIOCMBIC", TIOCMBIC, word(clear));
  }

  holdBreak(on: boolean): void {
    this.#tell(on ? "TIOCSBRK" : "TIOCCBRK", on ? TIOCSBRK : TIOCCBRK, 0);
  }

  get errors(): ErrorCounts {
    const counts = Buffer.alloc(COUNTS_BYTES);
    this.#ask("TIOCGICOUNT", TIOCGICOUNT, counts);
    return {
      frame: counts.readUInt32LE(24),
      overrun: counts.readUInt32LE(28),
      parity: counts.readUInt32LE(32),
      breaks: counts.readUInt32LE(36),
      bufferOverrun: counts.readUInt32LE(40),
    };
  }

  /** Bytes that were written and are not yet on the wire. */
  get unsent(): number {
    const bytes = Buffer.alloc(4);
    this.#ask("TIOCOUTQ", TIOCOUTQ, bytes);
    return bytes.readInt32LE();
  }

  discard(what: "receive" | "transmit" | "both"): void {
    this.#tell("TCFLSH", TCFLSH, { receive: 0, transmit: 1, both: 2 }[what]);
  }

  #ask(call: string, request: number, argument: Buffer): void {
    if ((ioctl(this.fd, request, argument) as number) < 0)
      throw new TerminalError(call, koffi.errno());
  }

  #tell(call: string, request: number, value: number): void {
    if ((ioctlValue(this.fd, request, value) as number) < 0)
      throw new TerminalError(call, koffi.errno());
  }
}

function wouldWait(errno: number): boolean {
  return errno === EAGAIN || errno === EINTR;
}

function bitsOf({ dtr, rts }: Partial<ControlLines>, state: boolean): number {
  return (dtr === state ? DTR : 0) | (rts === state ? RTS : 0);
}

function word(bits: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(bits);
  return bytes;
}

function modemLines(bytes: Buffer): ModemLines {
  const bits = bytes.readUInt32LE();
  const on = (bit: number): boolean => (bits & bit) !== 0;
  return { cts: on(CTS), dsr: on(DSR), ri: on(RI), dcd: on(DCD) };
}

function errnoName(errno: number): string {
  const [name] = Object.entries(constants.errno).find(([, value]) => value === errno) ?? [];
  return name ?? `errno ${errno}`;
}
