import { stat } from "node:fs/promises";
import type {
  ConsoleListener,
  ControlLines,
  LineSettings,
  ModemLines,
} from "@outrider/ports/console-port";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, type Clock, type Duration } from "@outrider/ports/time";
import { LinuxBinding, type LinuxPortBinding } from "@serialport/bindings-cpp";
import { rightsAdvice } from "./device-rights.js";
import { whoHas } from "./device-trouble.js";
import { GATHER_MS, ReadPace } from "./read-pace.js";
import type { OpenLine } from "./reconnecting-line.js";
import { Terminal, TerminalError, type ErrorCounts } from "./serial-ioctl.js";
import { sharedTick } from "./shared-tick.js";

export interface SerialPortOptions {
  /** `/dev/serial/by-path/…`, `/dev/ttyUSB0`, or a link to one. */
  readonly path: string;
  /** The port with its path, as messages name it. */
  readonly what: string;
  readonly clock: Clock;
  readonly settings: LineSettings;
  /** What this end's lines are set to once it is open; one that is missing is left as it is. */
  readonly control: Partial<ControlLines>;
  /** Bytes arrived whose frame or parity is wrong: most likely the settings are. */
  readonly garbled: (bytes: number) => void;
}

/** Read at once; a terminal hands over 4 KiB at most. */
const scratch = Buffer.allocUnsafe(65_536);
/**
 * Of the 4 KiB that the system keeps for a terminal. A line that brings so much between two looks is read as soon as
 * there is something: it would be held up by gathering, and gives much for each read anyway.
 */
const MUCH_BYTES = 2048;
const MOST_READS = 16;
const WATCH = milliseconds(250);
const MODEM_EVERY_MS = 1000;
/** How old the device's counters may be when bytes are handed on. */
const COUNTS_MAX_AGE_MS = 25;
const WRITE_PAUSE = milliseconds(5);
/** Nobody is further ahead of the wire than this. */
const AHEAD_MS = 20;
const BITS_PER_BYTE = 10;

/**
 * A serial port that is open. What waits to be read is learnt from the event loop while little comes, and looked for
 * every few milliseconds, for all ports together, while much does. Whether the port is still there is watched besides:
 * the event loop does not always say.
 */
export class SerialPort implements OpenLine {
  readonly ended: Promise<PortError>;
  /** Whether it has modem lines, and with them a break: a pseudo terminal has none. */
  readonly hasModem: boolean;
  readonly #terminal: Terminal;
  readonly #pace = new ReadPace();
  readonly #end: (reason: PortError) => void;
  #over = false;
  #baudRate = 0;
  #modem: ModemLines | undefined;
  #modemAtMs = 0;
  #asking: Promise<void> = Promise.resolve();
  #counts: ErrorCounts | undefined;
  #countsAtMs = 0;

  private constructor(
    private readonly binding: LinuxPortBinding,
    fd: number,
    private readonly options: SerialPortOptions,
    private readonly listener: ConsoleListener,
  ) {
    const { promise, resolve } = Promise.withResolvers<PortError>();
    this.ended = promise;
    this.#end = resolve;
    this.#terminal = new Terminal(fd);
    this.setLine(options.settings);
    this.#terminal.exclude();
    this.#modem = whereThere(() => this.#terminal.modem);
    this.hasModem = this.#modem !== undefined;
    this.#counts = whereThere(() => this.#terminal.errors);
    if (this.hasModem) this.#terminal.control(options.control);
    if (this.#modem) listener.modem?.(this.#modem);
    this.#await();
    sharedTick(options.clock, WATCH).add(this.#watch);
  }

  /** @throws PortError `unreachable` where there is no such port, `refused` where somebody else has it or it cannot do what is set */
  static async open(options: SerialPortOptions, listener: ConsoleListener): Promise<SerialPort> {
    const { path, what, settings } = options;
    const binding = await openBinding(path, what, settings.baudRate);
    try {
      return new SerialPort(binding, binding.fd as number, options, listener);
    } catch (error) {
      await binding.close();
      throw error instanceof TerminalError ? lost(what, error) : error;
    }
  }

  /** @throws PortError `refused` when the device then does another speed, `unsupported` */
  setLine(settings: LineSettings): void {
    const { what } = this.options;
    this.#attempt(() => {
      this.#terminal.settings = settings;
      const { baudRate } = this.#terminal.settings;
      // A UART divides its clock; what is this near is still understood.
      if (Math.abs(baudRate - settings.baudRate) > settings.baudRate * 0.03) {
        throw new PortError(
          "refused",
          `${what} cannot do ${settings.baudRate} baud; the nearest it does is ${baudRate}. Choose a speed that it has.`,
        );
      }
      this.#baudRate = baudRate;
    });
  }

  setControl(lines: Partial<ControlLines>): void {
    this.#attempt(() => this.#terminal.control(lines));
  }

  discard(what: "receive" | "transmit" | "both"): void {
    this.#attempt(() => this.#terminal.discard(what));
  }

  /** Touches no other line, and ends the break whatever happens. */
  async sendBreak(duration: Duration, signal: AbortSignal): Promise<void> {
    this.#attempt(() => this.#terminal.holdBreak(true));
    try {
      await this.options.clock.sleep(duration, signal);
    } finally {
      if (!this.#over) this.#attempt(() => this.#terminal.holdBreak(false));
    }
  }

  /** Takes none that would be further ahead of the wire than `write` lets anybody be. */
  writeNow(piece: Uint8Array): number {
    const room = Math.floor(this.#aheadBytes - this.#attempt(() => this.#terminal.unsent));
    if (room <= 0) return 0;
    return this.#attempt(() => this.#terminal.write(piece.subarray(0, room)));
  }

  async write(piece: Uint8Array, signal: AbortSignal): Promise<void> {
    const { clock } = this.options;
    const aheadBytes = this.#aheadBytes;
    for (let at = 0; at < piece.length;) {
      const written = this.#attempt(() => this.#terminal.write(piece.subarray(at)));
      at += written;
      if (written === 0) await clock.sleep(WRITE_PAUSE, signal);
    }
    while (this.#attempt(() => this.#terminal.unsent) > aheadBytes)
      await clock.sleep(WRITE_PAUSE, signal);
  }

  get #aheadBytes(): number {
    return Math.max(16, (this.#baudRate / BITS_PER_BYTE) * (AHEAD_MS / 1000));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { what } = this.options;
    if (this.#finish(new PortError("unreachable", `${what} was closed.`))) {
      // The system would wait for half a minute until everything was sent.
      whereThere(() => this.#terminal.discard("transmit"));
    }
    await this.#close();
  }

  readonly #readable = (error: Error | null): void => {
    if (this.#over) return;
    const bytes = this.#read();
    if (bytes === undefined) return;
    // Some say that there is something to read when all there is is an end that they cannot name.
    if (error !== null && bytes === 0) return this.#gone("the connection was closed");
    const heavy = this.#pace.heavy(bytes, this.options.clock.monotonicMs());
    if (heavy && bytes < MUCH_BYTES) {
      sharedTick(this.options.clock, milliseconds(GATHER_MS)).add(this.#gathered);
    } else this.#await();
  };

  readonly #gathered = (): boolean => {
    if (this.#over) return false;
    const bytes = this.#read();
    if (bytes === undefined) return false;
    const heavy = this.#pace.heavy(bytes, this.options.clock.monotonicMs());
    if (heavy && bytes < MUCH_BYTES) return true;
    this.#await();
    return false;
  };

  /** Looks whether the port is still there, at its counters and at its modem lines. */
  readonly #watch = (): boolean => {
    if (this.#over) return false;
    try {
      if (this.#counts) this.#count();
      else void this.#terminal.settings;
    } catch (error) {
      this.#gone((error as Error).message);
      return false;
    }
    if (this.hasModem) this.#askModem();
    return true;
  };

  #await(): void {
    this.binding.poller.once("readable", this.#readable);
  }

  /** @returns how many bytes; undefined: the port is gone */
  #read(): number | undefined {
    let all = 0;
    for (let reads = 0; reads < MOST_READS; reads++) {
      const bytes = this.#terminal.read(scratch);
      if (bytes === undefined) {
        this.#gone("the device is gone");
        return undefined;
      }
      if (bytes === 0) break;
      if (this.#counts) this.#countIfOld();
      if (this.#over) return undefined;
      all += bytes;
      this.listener.bytes(Buffer.from(scratch.subarray(0, bytes)));
      if (bytes < 4096) break;
    }
    return all;
  }

  #countIfOld(): void {
    if (this.options.clock.monotonicMs() - this.#countsAtMs < COUNTS_MAX_AGE_MS) return;
    try {
      this.#count();
    } catch (error) {
      this.#gone((error as Error).message);
    }
  }

  #count(): void {
    const before = this.#counts;
    const now = this.#terminal.errors;
    this.#counts = now;
    this.#countsAtMs = this.options.clock.monotonicMs();
    if (!before) return;
    const more = (key: keyof ErrorCounts): number => (now[key] - before[key]) >>> 0;
    // An overrun of the UART is noticed, not measured: a byte at least was lost.
    if (more("overrun") > 0) this.listener.lost({ bytes: undefined, reason: "overrun" });
    else if (more("bufferOverrun") > 0)
      this.listener.lost({ bytes: more("bufferOverrun"), reason: "overrun" });
    for (let breaks = Math.min(more("breaks"), 100); breaks > 0; breaks--) this.listener.broke?.();
    const garbled = more("frame") + more("parity");
    if (garbled > 0) this.options.garbled(garbled);
  }

  #askModem(): void {
    const nowMs = this.options.clock.monotonicMs();
    if (nowMs - this.#modemAtMs < MODEM_EVERY_MS) return;
    this.#modemAtMs = nowMs;
    this.#asking = this.#terminal.modemLater().then(
      (lines) => {
        if (this.#over || sameLines(lines, this.#modem)) return;
        this.#modem = lines;
        this.listener.modem?.(lines);
      },
      // A port that has gone is noticed where it is read.
      () => {},
    );
  }

  #attempt<T>(work: () => T): T {
    const { what } = this.options;
    if (this.#over) throw new PortError("unreachable", `${what} is not open. Try again.`);
    try {
      return work();
    } catch (error) {
      throw error instanceof TerminalError ? lost(what, error) : error;
    }
  }

  #gone(why: string): void {
    const { what } = this.options;
    const advice = "It is opened again as soon as it is back; check plug and cable.";
    if (this.#finish(new PortError("unreachable", `${what}: ${why}. ${advice}`)))
      void this.#close();
  }

  #finish(reason: PortError): boolean {
    if (this.#over) return false;
    this.#over = true;
    sharedTick(this.options.clock, WATCH).remove(this.#watch);
    sharedTick(this.options.clock, milliseconds(GATHER_MS)).remove(this.#gathered);
    this.#end(reason);
    return true;
  }

  #closing: Promise<void> | undefined;
  #close(): Promise<void> {
    // A question that is under way must not meet another file under the same number.
    this.#closing ??= this.#asking.then(() => this.binding.close());
    return this.#closing;
  }
}

async function openBinding(
  path: string,
  what: string,
  baudRate: number,
): Promise<LinuxPortBinding> {
  try {
    await stat(path);
    return await LinuxBinding.open({ path, baudRate, hupcl: false, lock: true });
  } catch (error) {
    throw await openError(path, what, error as NodeJS.ErrnoException);
  }
}

/** The binding says in words only what went wrong. */
async function openError(
  path: string,
  what: string,
  cause: NodeJS.ErrnoException,
): Promise<PortError> {
  const says = (words: RegExp): boolean => words.test(cause.message);
  if (cause.code === "ENOENT" || says(/No such (file|device)/)) {
    const advice =
      "Check that the adapter is plugged in; ls -l /dev/serial/by-path shows those that are.";
    return new PortError("unreachable", `${what} is not there. ${advice}`, { cause });
  }
  if (cause.code === "EACCES" || says(/Permission denied/)) {
    const advice = await rightsAdvice(path, "tty");
    return new PortError("unreachable", `${what} may not be opened by this user. ${advice}`, {
      cause,
    });
  }
  if (says(/Cannot lock port|busy/)) {
    const holder = (await whoHas(path)) ?? 'another program, which "fuser -v" finds as root';
    const advice = "End it or give it another port; the port is opened as soon as it is free.";
    return new PortError("refused", `${what} is in use by ${holder}. ${advice}`, { cause });
  }
  const advice = "Check that it is a serial port.";
  return new PortError("unreachable", `${what} cannot be opened: ${cause.message}. ${advice}`, {
    cause,
  });
}

function lost(what: string, cause: TerminalError): PortError {
  return cause.missing
    ? new PortError("unsupported", `${what} cannot do this: ${cause.message}.`, { cause })
    : new PortError("unreachable", `${what}: ${cause.message}. Check plug and cable.`, { cause });
}

function whereThere<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof TerminalError) return undefined;
    throw error;
  }
}

function sameLines(one: ModemLines, other: ModemLines | undefined): boolean {
  return (
    one.cts === other?.cts && one.dsr === other.dsr && one.ri === other.ri && one.dcd === other.dcd
  );
}
