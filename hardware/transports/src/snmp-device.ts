import { reasonOf } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, seconds, type Clock, type Duration } from "@outrider/ports/time";
import {
  SnmpSession,
  type SnmpSessionOptions,
  type SnmpValue,
  type SnmpWrite,
} from "./snmp-session.js";

export type SnmpValues = ReadonlyMap<string, SnmpValue | undefined>;

const READ_DEADLINE = seconds(5);
const WRITE_DEADLINE = seconds(8);
const WALK_DEADLINE = seconds(20);
const AT_ONCE = milliseconds(0);

interface Reader {
  readonly oids: readonly string[];
  readonly resolve: (values: SnmpValues) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * A device that is asked for many endpoints: what is asked for in the same moment, or within the patience of all who
 * ask, is asked for together. What is read is never older than its question.
 */
class GatheringSession implements Disposable {
  readonly session: SnmpSession;
  #readers = new Set<Reader>();
  #due: NodeJS.Immediate | undefined;
  #patience: AbortController | undefined;
  readonly #disposed = new AbortController();

  constructor(private readonly options: SnmpSessionOptions) {
    this.session = new SnmpSession(options);
  }

  read(oids: readonly string[], signal: AbortSignal, patience: Duration): Promise<SnmpValues> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(reasonOf(signal, this.session.what));
      const abort = (): void => {
        this.#leave(reader);
        reject(reasonOf(signal, this.session.what));
      };
      const done = (): void => signal.removeEventListener("abort", abort);
      const reader: Reader = {
        oids,
        resolve: (values) => {
          done();
          resolve(values);
        },
        reject: (reason) => {
          done();
          reject(reason);
        },
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#readers.add(reader);
      if (patience > 0) this.#askWithin(patience);
      else this.#due ??= setImmediate(() => this.#ask());
    });
  }

  [Symbol.dispose](): void {
    const reason = new PortError("unreachable", `${this.session.what} is not used any more.`);
    clearImmediate(this.#due);
    this.#patience?.abort(ASKED);
    for (const { reject } of this.#readers) reject(reason);
    this.#disposed.abort(reason);
    this.session[Symbol.dispose]();
  }

  #askWithin(patience: Duration): void {
    if (this.#patience) return;
    const patient = new AbortController();
    this.#patience = patient;
    this.options.clock.sleep(patience, patient.signal).then(
      () => this.#ask(),
      () => undefined,
    );
  }

  /** Asks for all who wait, the patient ones too; stops asking when none of them waits any more. */
  #ask(): void {
    clearImmediate(this.#due);
    this.#due = undefined;
    this.#patience?.abort(ASKED);
    this.#patience = undefined;
    const readers = this.#readers;
    this.#readers = new Set();
    const sweep = new Sweep(readers);
    this.#sweeps.add(sweep);
    const oids = [...new Set([...readers].flatMap((reader) => reader.oids))];
    const signal = AbortSignal.any([sweep.abandoned.signal, this.#disposed.signal]);
    this.session
      .get(oids, READ_DEADLINE, signal)
      .then(
        (values) => {
          for (const { resolve } of readers) resolve(values);
        },
        (error: unknown) => {
          for (const { reject } of readers) reject(error);
        },
      )
      .finally(() => this.#sweeps.delete(sweep));
  }

  readonly #sweeps = new Set<Sweep>();

  #leave(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size === 0) {
      clearImmediate(this.#due);
      this.#due = undefined;
      this.#patience?.abort(ASKED);
      this.#patience = undefined;
    }
    for (const sweep of this.#sweeps) sweep.leave(reader);
  }
}

/** One question under way, and for whom. */
class Sweep {
  readonly abandoned = new AbortController();
  constructor(readonly readers: Set<Reader>) {}

  leave(reader: Reader): void {
    if (this.readers.delete(reader) && this.readers.size === 0) this.abandoned.abort(ABANDONED);
  }
}

const ASKED = new Error("asked");
const ABANDONED = new Error("nobody waits any more");

/** By clock, because one device may be spoken to in the time of several tests. */
const devices = new WeakMap<Clock, Map<string, { session: GatheringSession; users: number }>>();

/**
 * A device by SNMP. All who have the same address and the same credentials share one session with one socket, which
 * ends with the last of them.
 */
export class SnmpDevice implements Disposable {
  readonly #shared: GatheringSession;
  #leave: (() => void) | undefined;

  constructor(options: SnmpSessionOptions) {
    const { address, credentials, name, clock } = options;
    const known = devices.get(clock) ?? new Map<string, never>();
    devices.set(clock, known);
    const key = JSON.stringify([address, credentials, name]);
    const entry = known.get(key) ?? { session: new GatheringSession(options), users: 0 };
    known.set(key, entry);
    entry.users += 1;
    this.#shared = entry.session;
    this.#leave = () => {
      entry.users -= 1;
      if (entry.users > 0) return;
      known.delete(key);
      entry.session[Symbol.dispose]();
    };
  }

  /** The device with its address, as messages name it. */
  get what(): string {
    return this.#shared.session.what;
  }

  /**
   * Reads objects; what the device does not have is undefined. Throws what {@link SnmpSession.get} throws.
   * @param patience how long the question may be kept back, to be asked together with others
   */
  get(
    oids: readonly string[],
    signal: AbortSignal,
    patience: Duration = AT_ONCE,
  ): Promise<SnmpValues> {
    return this.#shared.read(oids, signal, patience);
  }

  /** Writes once, and returns when the device has taken it. */
  set(writes: readonly SnmpWrite[], signal: AbortSignal): Promise<void> {
    return this.#shared.session.set(writes, WRITE_DEADLINE, signal);
  }

  /** Reads a whole table. */
  walk(root: string, signal: AbortSignal): Promise<ReadonlyMap<string, SnmpValue>> {
    return this.#shared.session.walk(root, WALK_DEADLINE, signal);
  }

  [Symbol.dispose](): void {
    this.#leave?.();
    this.#leave = undefined;
  }
}
