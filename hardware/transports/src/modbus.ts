import { connect, type Socket } from "node:net";
import { reasonOf, withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, seconds, type Clock, type Duration } from "@outrider/ports/time";
import { connectionError } from "./connection-error.js";
import { Gathered } from "./gathered.js";
import {
  bitsOf,
  noAnswer,
  packed,
  READ_COILS,
  READ_DISCRETE_INPUTS,
  throwExceptionOf,
  unpacked,
  WRITE_SINGLE_COIL,
  type ModbusFraming,
} from "./modbus-frame.js";

export interface ModbusAddress {
  readonly host: string;
  readonly port: number;
  readonly framing: ModbusFraming;
}

/** One bit of a unit. */
export interface ModbusBit {
  readonly unit: number;
  readonly table: "coil" | "discrete-input";
  /** Counts from 0. */
  readonly address: number;
}

/** From the question to the answer, waiting for others on the same connection included. */
const DEADLINE = seconds(5);
/** Bits so far apart are still asked for at once. */
const MOST_BITS = 64;

/**
 * A Modbus device or gateway, with one connection for all who use it: small boards have room for one or two, and a
 * serial line behind a gateway carries one request at a time. Bits that are asked for together are read together.
 *
 * The protocol is spoken here and not by a library, as a request is a dozen bytes and what matters is all around it:
 * an injected clock, calls that end when they are given up, and an answer that comes too late for one request and
 * must not be taken for that of the next.
 */
export class ModbusDevice implements Disposable {
  readonly #bits: Gathered<ModbusBit, (bit: ModbusBit) => boolean>;
  #socket: Socket | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #number = 0;

  constructor(
    private readonly address: ModbusAddress,
    private readonly clock: Clock,
  ) {
    this.#bits = new Gathered(clock, this.what, (bits, signal) => this.#readAll(bits, signal));
  }

  /** As messages name it. */
  get what(): string {
    return `The Modbus device at ${this.address.host}:${this.address.port}`;
  }

  /** @throws PortError; the signal's reason */
  async read(bit: ModbusBit, signal: AbortSignal, patience: Duration = NONE): Promise<boolean> {
    return (await this.#bits.read(bit, signal, patience))(bit);
  }

  /** Asks once and returns when the device has said that it did it. */
  async writeCoil(bit: ModbusBit, on: boolean, signal: AbortSignal): Promise<void> {
    const request = Buffer.from([WRITE_SINGLE_COIL, 0, 0, on ? 0xff : 0, 0]);
    request.writeUInt16BE(bit.address, 1);
    const what = this.#whatOf(bit.unit);
    const answer = await this.#ask(bit.unit, request, signal);
    throwExceptionOf(answer, request, what);
    if (!answer.equals(request))
      throw noAnswer(what, "it repeats another request than it was told");
  }

  [Symbol.dispose](): void {
    this.#bits[Symbol.dispose]();
    this.#socket?.destroy();
  }

  #whatOf(unit: number): string {
    return `${this.what}, unit ${unit}`;
  }

  /** What fails for one is told to those alone who have asked for it. */
  async #readAll(
    bits: readonly ModbusBit[],
    signal: AbortSignal,
  ): Promise<(bit: ModbusBit) => boolean> {
    const known = new Map<string, boolean | PortError>();
    const spans = Map.groupBy(bits, ({ unit, table }) => `${unit} ${table}`);
    for (const span of spans.values()) {
      try {
        await this.#readSpan(span, known, signal);
      } catch (error) {
        if (!(error instanceof PortError)) throw error;
        for (const bit of span) if (!known.has(keyOf(bit))) known.set(keyOf(bit), error);
      }
    }
    return (bit) => {
      const value = known.get(keyOf(bit));
      if (typeof value === "boolean") return value;
      throw value ?? noAnswer(this.what, "it says nothing of what was asked");
    };
  }

  async #readSpan(
    span: readonly ModbusBit[],
    known: Map<string, boolean | PortError>,
    signal: AbortSignal,
  ): Promise<void> {
    const [one] = span;
    if (one === undefined) return;
    const addresses = span.map(({ address }) => address);
    const first = Math.min(...addresses);
    const count = Math.max(...addresses) - first + 1;
    if (count <= MOST_BITS) {
      try {
        const values = await this.#readBits({ ...one, address: first }, count, signal);
        for (const bit of span) known.set(keyOf(bit), values[bit.address - first] ?? false);
        return;
      } catch (error) {
        // Between two addresses there may be one that the device does not have.
        const apart = error instanceof PortError && error.code === "invalid-options" && count > 1;
        if (!apart) throw error;
      }
    }
    for (const bit of span) {
      try {
        const [value = false] = await this.#readBits(bit, 1, signal);
        known.set(keyOf(bit), value);
      } catch (error) {
        if (!(error instanceof PortError) || error.code !== "invalid-options") throw error;
        known.set(keyOf(bit), error);
      }
    }
  }

  async #readBits({ unit, table, address }: ModbusBit, count: number, signal: AbortSignal) {
    const request = Buffer.from([0, 0, 0, 0, count]);
    request[0] = table === "coil" ? READ_COILS : READ_DISCRETE_INPUTS;
    request.writeUInt16BE(address, 1);
    return bitsOf(await this.#ask(unit, request, signal), request, count, this.#whatOf(unit));
  }

  #ask(unit: number, request: Buffer, signal: AbortSignal): Promise<Buffer> {
    const what = this.#whatOf(unit);
    return withDeadline(this.clock, DEADLINE, signal, what, (within) => {
      const before = this.#last;
      const asked = (async () => {
        await before;
        within.throwIfAborted();
        return this.#exchange(unit, request, within);
      })();
      this.#last = asked.catch(() => undefined);
      return asked;
    });
  }

  /** Whatever does not end with the answer ends the connection: what comes later answers nothing. */
  async #exchange(unit: number, request: Buffer, signal: AbortSignal): Promise<Buffer> {
    const { framing, host, port } = this.address;
    const what = this.#whatOf(unit);
    const socket = (this.#socket ??= this.#connection(host, port));
    this.#number = (this.#number + 1) & 0xffff;
    const number = this.#number;
    let settle: () => void = () => undefined;
    try {
      return await new Promise<Buffer>((resolve, reject) => {
        let bytes = Buffer.alloc(0);
        const take = (chunk: Buffer): void => {
          bytes = Buffer.concat([bytes, chunk]);
          try {
            const answer = unpacked(framing, number, unit, bytes, what);
            if (answer) resolve(answer);
          } catch (error) {
            reject(error);
          }
        };
        const fail = (error: Error): void => reject(connectionError(what, error));
        const close = (): void => fail(new Error("the other side closed the connection"));
        const abort = (): void => reject(reasonOf(signal, what));
        settle = () => {
          socket.off("data", take).off("error", fail).off("close", close);
          signal.removeEventListener("abort", abort);
        };
        socket.on("data", take).on("error", fail).on("close", close);
        signal.addEventListener("abort", abort, { once: true });
        socket.write(packed(framing, number, unit, request));
      });
    } catch (error) {
      socket.destroy();
      if (this.#socket === socket) this.#socket = undefined;
      throw error;
    } finally {
      settle();
    }
  }

  #connection(host: string, port: number): Socket {
    const socket = connect({ host, port, noDelay: true, keepAlive: true });
    const gone = (): void => {
      if (this.#socket === socket) this.#socket = undefined;
    };
    // Whoever has asked is told by listeners of their own.
    socket.on("error", gone).on("close", gone);
    socket.on("end", () => socket.destroy());
    return socket;
  }
}

const NONE = milliseconds(0);

function keyOf({ unit, table, address }: ModbusBit): string {
  return `${unit} ${table} ${address}`;
}
