import { ErrorStatus, isVarbindError, ObjectType, type Varbind } from "net-snmp";
import type { DriverLog } from "@outrider/ports/driver";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, type Clock, type Duration } from "@outrider/ports/time";
import type { SnmpCredentials } from "./snmp-credentials.js";
import { OutsideTimeWindow, refusedObject, silenceAdvice, snmpError } from "./snmp-error.js";
import { openWire, type Answer, type SnmpAddress, type Wire } from "./snmp-wire.js";

export interface SnmpSessionOptions {
  readonly address: SnmpAddress;
  readonly credentials: SnmpCredentials;
  /** What the device is, for messages: "The switch". */
  readonly name: string;
  readonly clock: Clock;
  /** Is told what nobody who asks would notice. */
  readonly log?: Pick<DriverLog, "warn">;
}

/** A number for every numeric type, an object identifier as text, and bytes for the rest. */
export type SnmpValue = number | string | Buffer;
export interface SnmpWrite {
  readonly oid: string;
  /** An Integer32: the type of all that can be switched. */
  readonly integer: number;
}

/** A question is asked again after this long; UDP loses. */
const ASK_AGAIN: Duration = milliseconds(1500);
/** Answers of so many objects fit a datagram of 1472 bytes, which every agent can send (RFC 3417 asks for 484). */
const OBJECTS_AT_ONCE = 32;
/** More would be dropped by the small processors of switches. */
const QUESTIONS_AT_ONCE = 8;
const REPETITIONS = 24;
/** A walk that goes on for longer is that of a device which turns in circles. */
const LONGEST_WALK = 20_000;

/**
 * SNMP with one device over one socket. Questions are repeated until they are answered or their deadline is over; a
 * write is sent exactly once, so that none arrives after it was given up; again only where the device has said that it
 * did nothing. After a silence everything begins anew: the name is resolved again, and what was agreed on with a device
 * that was restarted is forgotten. So it is where a device of version 3 says a time of before.
 */
export class SnmpSession implements Disposable {
  /** The device with its address, as messages name it. */
  readonly what: string;
  #wire: Wire | undefined;
  /** Those that are not asked any more, and still wait for answers. */
  readonly #leaving = new Set<Wire>();
  readonly #underWay = new Map<Wire, number>();

  constructor(private readonly options: SnmpSessionOptions) {
    const { host, udpPort } = options.address;
    this.what = `${options.name} at ${host.includes(":") ? `[${host}]` : host}:${udpPort}`;
  }

  /**
   * Reads objects. What the device does not have is undefined.
   * @throws PortError `unreachable`, `timed-out`, `refused`, `protocol`; the signal's reason when it was aborted
   */
  async get(
    oids: readonly string[],
    deadline: Duration,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, SnmpValue | undefined>> {
    const parts: (readonly string[])[] = [];
    for (let at = 0; at < oids.length; at += OBJECTS_AT_ONCE) {
      parts.push(oids.slice(at, at + OBJECTS_AT_ONCE));
    }
    const values = new Map<string, SnmpValue | undefined>();
    await this.#within(deadline, signal, "read", async (within) => {
      for (let at = 0; at < parts.length; at += QUESTIONS_AT_ONCE) {
        const some = parts.slice(at, at + QUESTIONS_AT_ONCE);
        const read = await Promise.all(some.map((part) => this.#getPart(part, within)));
        for (const part of read) for (const [oid, value] of part) values.set(oid, value);
      }
    });
    return values;
  }

  /**
   * Writes, once, all or nothing. Returns when the device has said that it took it.
   * @throws as `get`
   */
  async set(writes: readonly SnmpWrite[], deadline: Duration, signal: AbortSignal): Promise<void> {
    const varbinds = writes.map(({ oid, integer }) => ({
      oid,
      type: ObjectType.Integer,
      value: integer,
    }));
    await this.#within(deadline, signal, "write", (within) =>
      this.#exchange((wire, answer) => wire.set(varbinds, answer), within, "write"),
    );
  }

  /** Reads all objects below `root`, in the device's order. @throws as `get` */
  async walk(
    root: string,
    deadline: Duration,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, SnmpValue>> {
    const found = new Map<string, SnmpValue>();
    await this.#within(deadline, signal, `walk ${root}`, async (within) => {
      for (let from = root; ;) {
        const step = await this.#next(from, within);
        for (const { oid, value } of step) {
          if (!oid.startsWith(`${root}.`) || value === undefined) return;
          if (found.has(oid) || found.size >= LONGEST_WALK) throw this.#circle(root);
          found.set(oid, value);
          from = oid;
        }
        if (step.length === 0) return;
      }
    });
    return found;
  }

  [Symbol.dispose](): void {
    const unused = new PortError("unreachable", `${this.what} is not used any more.`);
    if (this.#wire) this.#drop(this.#wire, unused);
    for (const wire of this.#leaving) this.#drop(wire, unused);
  }

  async #getPart(
    oids: readonly string[],
    signal: AbortSignal,
  ): Promise<Map<string, SnmpValue | undefined>> {
    if (oids.length === 0) return new Map();
    try {
      const varbinds = await this.#ask((wire, answer) => {
        wire.get(oids, answer);
      }, signal);
      return new Map(varbinds.map((varbind) => [varbind.oid, valueOf(varbind)]));
    } catch (error) {
      const refused = refusedObject(error);
      // Version 1 refuses all for the sake of one (RFC 1157, 4.1.2).
      if (refused?.status === ErrorStatus.NoSuchName && oids.includes(refused.oid)) {
        const rest = await this.#getPart(
          oids.filter((oid) => oid !== refused.oid),
          signal,
        );
        return rest.set(refused.oid, undefined);
      }
      if (refused?.status === ErrorStatus.TooBig && oids.length > 1) {
        const half = Math.ceil(oids.length / 2);
        const first = await this.#getPart(oids.slice(0, half), signal);
        const second = await this.#getPart(oids.slice(half), signal);
        return new Map([...first, ...second]);
      }
      throw error;
    }
  }

  async #next(
    from: string,
    signal: AbortSignal,
  ): Promise<readonly { oid: string; value: SnmpValue | undefined }[]> {
    try {
      const varbinds = await this.#ask((wire, answer) => {
        if (this.options.credentials.version === "1") wire.getNext(from, answer);
        else wire.getBulk(from, REPETITIONS, answer);
      }, signal);
      return varbinds.map((varbind) => ({ oid: varbind.oid, value: valueOf(varbind) }));
    } catch (error) {
      // The end of everything, as version 1 says it.
      if (refusedObject(error)?.status === ErrorStatus.NoSuchName) return [];
      throw error;
    }
  }

  async #within<T>(
    deadline: Duration,
    signal: AbortSignal,
    what: string,
    work: (within: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock, credentials } = this.options;
    const named = `${this.what} (${what})`;
    try {
      return await withDeadline(clock, deadline, signal, named, work);
    } catch (error) {
      if (!(error instanceof PortError) || error.code !== "timed-out") {
        throw error === signal.reason ? error : snmpError(named, error);
      }
      // Others may still wait for a slow answer; they have deadlines of their own.
      if (this.#wire?.idle()) this.#drop(this.#wire, error);
      throw new PortError("timed-out", `${error.message} ${silenceAdvice(credentials.version)}`);
    }
  }

  /** Asks until there is an answer. */
  async #ask(send: Send, signal: AbortSignal): Promise<Varbind[]> {
    const answered = new AbortController();
    const within = AbortSignal.any([signal, answered.signal]);
    try {
      return await new Promise<Varbind[]>((resolve, reject) => {
        const attempt = (): void => void this.#exchange(send, within, "read").then(resolve, reject);
        const again = async (): Promise<never> => {
          for (;;) {
            attempt();
            await this.options.clock.sleep(ASK_AGAIN, within);
          }
        };
        again().catch(() => {});
      });
    } finally {
      answered.abort(ANSWERED);
    }
  }

  /** Sends; once more where the device counts its time anew, and a read does no harm or a write was not done. */
  async #exchange(send: Send, signal: AbortSignal, what: "read" | "write"): Promise<Varbind[]> {
    const wire = this.#open();
    try {
      return await this.#sendBy(wire, send, signal);
    } catch (error) {
      if (!(error instanceof OutsideTimeWindow)) throw error;
      const first = this.#leave(wire);
      if (what === "write" && !error.nothingDone) throw error;
      const answer = await this.#sendBy(this.#open(), send, signal);
      if (first) {
        this.options.log?.warn(
          { device: this.what },
          "The device has gone back in its SNMPv3 time (engineBoots, engineTime), as one does that restarts without counting it. It was asked for its time again, and what it said before could be replayed",
        );
      }
      return answer;
    }
  }

  #sendBy(wire: Wire, send: Send, signal: AbortSignal): Promise<Varbind[]> {
    this.#underWay.set(wire, (this.#underWay.get(wire) ?? 0) + 1);
    return new Promise<Varbind[]>((resolve, reject) => {
      signal.throwIfAborted();
      const answer: Answer = (error, varbinds) => {
        signal.removeEventListener("abort", giveUp);
        if (error) reject(error);
        else resolve(varbinds ?? []);
      };
      const giveUp = (): void => {
        wire.giveUp(answer);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      send(wire, answer);
    }).finally(() => {
      const left = (this.#underWay.get(wire) ?? 1) - 1;
      if (left > 0) this.#underWay.set(wire, left);
      else {
        this.#underWay.delete(wire);
        if (this.#leaving.delete(wire)) wire.close();
      }
    });
  }

  #open(): Wire {
    if (this.#wire) return this.#wire;
    const { address, credentials } = this.options;
    const wire = openWire(address, credentials, (lost, error) => this.#drop(lost, error));
    this.#wire = wire;
    return wire;
  }

  /** The next question goes by a new wire; this one ends with its last answer. @returns whether it was in use */
  #leave(wire: Wire): boolean {
    if (this.#wire !== wire) return false;
    this.#wire = undefined;
    if (this.#underWay.has(wire)) this.#leaving.add(wire);
    else wire.close();
    return true;
  }

  #drop(wire: Wire, error: Error): void {
    if (this.#wire === wire) this.#wire = undefined;
    else if (!this.#leaving.delete(wire)) return;
    wire.cancel(error);
  }

  #circle(root: string): PortError {
    return new PortError(
      "protocol",
      `${this.what} goes on in circles or without end below ${root}. Its firmware is at fault: look for a newer one.`,
    );
  }
}

type Send = (wire: Wire, answer: Answer) => void;

const ANSWERED = new Error("answered");

function valueOf(varbind: Varbind): SnmpValue | undefined {
  if (isVarbindError(varbind)) return undefined;
  const { value } = varbind;
  return typeof value === "number" || typeof value === "string" || Buffer.isBuffer(value)
    ? value
    : undefined;
}
