import {
  createSession,
  createV3Session,
  ErrorStatus,
  isVarbindError,
  ObjectType,
  Version1,
  Version2c,
  type Varbind,
} from "net-snmp";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, type Clock, type Duration } from "@outrider/ports/time";
import { snmpUser, type SnmpCredentials } from "./snmp-credentials.js";
import { connectedDatagrams } from "./snmp-datagram.js";
import { refusedObject, silenceAdvice, snmpError } from "./snmp-error.js";

export interface SnmpAddress {
  /** A name or an address. */
  readonly host: string;
  readonly udpPort: number;
}

export interface SnmpSessionOptions {
  readonly address: SnmpAddress;
  readonly credentials: SnmpCredentials;
  /** What the device is, for messages: "The switch". */
  readonly name: string;
  readonly clock: Clock;
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

type Answer = (error: Error | null, varbinds?: Varbind[]) => void;

/** net-snmp's session as it is used here; its own types hide the requests under way. */
interface Wire {
  get(oids: string[], answer: Answer): void;
  getNext(oids: string[], answer: Answer): void;
  getBulk(
    oids: string[],
    nonRepeaters: number,
    repetitions: number,
    answer: (error: Error | null, rows?: (Varbind | Varbind[])[]) => void,
  ): void;
  set(varbinds: Varbind[], answer: Answer): void;
  readonly reqs: Record<string, Request>;
  registerRequest(request: Request): void;
  unregisterRequest(id: number): void;
  cancelRequests(error: Error): void;
  on(event: "error", listener: () => void): void;
  close(): void;
}
interface Request {
  readonly responseCb: Answer;
  getId(): number;
}

/**
 * SNMP with one device over one socket. Questions are repeated until they are answered or their deadline is over; a
 * write is sent exactly once, so that none arrives after it was given up. After a silence everything begins anew: the
 * name is resolved again, and what was agreed on with a device that was restarted is forgotten.
 */
export class SnmpSession implements Disposable {
  /** The device with its address, as messages name it. */
  readonly what: string;
  #session: Wire | undefined;
  readonly #givenUp = new WeakSet<Answer>();

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
      this.#exchange((session, answer) => session.set(varbinds, answer), within),
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
    this.#renew(new PortError("unreachable", `${this.what} is not used any more.`));
  }

  async #getPart(
    oids: readonly string[],
    signal: AbortSignal,
  ): Promise<Map<string, SnmpValue | undefined>> {
    if (oids.length === 0) return new Map();
    try {
      const varbinds = await this.#ask((session, answer) => {
        session.get([...oids], answer);
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
      const varbinds = await this.#ask((session, answer) => {
        if (this.options.credentials.version === "1") session.getNext([from], answer);
        else
          session.getBulk([from], 0, REPETITIONS, (error, rows) => {
            answer(error, rows?.flat());
          });
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
      if (Object.keys(this.#session?.reqs ?? {}).length === 0) this.#renew(error);
      throw new PortError("timed-out", `${error.message} ${silenceAdvice(credentials.version)}`);
    }
  }

  /** Asks until there is an answer. */
  async #ask(
    send: (session: Wire, answer: Answer) => void,
    signal: AbortSignal,
  ): Promise<Varbind[]> {
    const answered = new AbortController();
    const within = AbortSignal.any([signal, answered.signal]);
    try {
      return await new Promise<Varbind[]>((resolve, reject) => {
        const attempt = (): void => void this.#exchange(send, within).then(resolve, reject);
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

  #exchange(
    send: (session: Wire, answer: Answer) => void,
    signal: AbortSignal,
  ): Promise<Varbind[]> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const session = this.#open();
      const answer: Answer = (error, varbinds) => {
        signal.removeEventListener("abort", giveUp);
        if (error) reject(error);
        else resolve(varbinds ?? []);
      };
      const giveUp = (): void => {
        this.#givenUp.add(answer);
        for (const request of Object.values(session.reqs)) {
          if (request.responseCb === answer) session.unregisterRequest(request.getId());
        }
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      send(session, answer);
    });
  }

  #open(): Wire {
    if (this.#session) return this.#session;
    const { address, credentials } = this.options;
    const options = {
      port: address.udpPort,
      transport: address.host.includes(":") ? ("udp6" as const) : ("udp4" as const),
      // Repeating and giving up are done here, by the injected clock.
      retries: 0,
      timeout: 600_000,
      reportOidMismatchErrors: true,
      dgramModule: connectedDatagrams((error) => {
        lost = error;
        if (this.#session === session) this.#renew(error);
      }),
    };
    let lost: Error | undefined;
    const session = (credentials.version === "3"
      ? createV3Session(address.host, snmpUser(credentials), options)
      : createSession(address.host, credentials.community, {
          ...options,
          version: credentials.version === "1" ? Version1 : Version2c,
        })) as unknown as Wire;
    // A datagram that is no SNMP is no answer: whoever waits goes on waiting.
    session.on("error", () => {});
    const register = session.registerRequest.bind(session);
    session.registerRequest = (request) => {
      // Between sending and here it was given up, or the whole session was.
      if (this.#givenUp.has(request.responseCb)) return;
      if (lost === undefined) register(request);
      else request.responseCb(lost);
    };
    this.#session = session;
    return session;
  }

  #renew(error: Error): void {
    const session = this.#session;
    this.#session = undefined;
    session?.cancelRequests(error);
    session?.close();
  }

  #circle(root: string): PortError {
    return new PortError(
      "protocol",
      `${this.what} goes on in circles or without end below ${root}. Its firmware is at fault: look for a newer one.`,
    );
  }
}

const ANSWERED = new Error("answered");

function valueOf(varbind: Varbind): SnmpValue | undefined {
  if (isVarbindError(varbind)) return undefined;
  const { value } = varbind;
  return typeof value === "number" || typeof value === "string" || Buffer.isBuffer(value)
    ? value
    : undefined;
}
