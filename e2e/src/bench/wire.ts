import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Secret } from "@outrider/testing/outrider-broker";

const CONNACK = 2;
const PUBLISH = 3;
const PUBACK = 4;
const SUBACK = 9;

/**
 * An MQTT 5 client that does next to nothing: packets are bytes made once, and what comes in is counted by its header.
 * A client library costs more than a broker does, so that one would measure the library.
 */
export class Wire {
  /** PUBLISH packets received. */
  received = 0;
  /** Called with the number of PUBLISH packets that came together. */
  onReceived: (count: number) => void = () => {};
  #rest: Buffer = Buffer.alloc(0);
  #awaited: { readonly type: number; readonly resolve: (packet: Buffer) => void } | undefined;
  #packetId = 0;
  #publish: Buffer = Buffer.alloc(0);
  #idAt = 0;

  private constructor(private readonly socket: Socket) {
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
  }

  /** @throws Error when the broker refuses, or the connection ends */
  static async open(port: number, clientId: string, secret: Secret | undefined): Promise<Wire> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    const wire = new Wire(socket);
    const connack = await wire.#ask(connectPacket(clientId, secret), CONNACK);
    if (connack[3] !== 0) throw new Error(`${clientId} was refused: ${connack[3]}`);
    return wire;
  }

  /** @throws Error when the broker refuses */
  async subscribe(filter: string, qos: 0 | 1): Promise<void> {
    const body = Buffer.concat([Buffer.from([0, 1, 0]), text(filter), Buffer.from([qos])]);
    const suback = await this.#ask(packet(0x82, body), SUBACK);
    if (suback.at(-1) !== qos) throw new Error(`${filter} was not granted`);
  }

  /** What {@link publish} sends from now on. */
  prepare(topic: string, payload: Buffer, qos: 0 | 1): void {
    const id = qos === 0 ? Buffer.alloc(0) : Buffer.alloc(2);
    const name = text(topic);
    const body = Buffer.concat([name, id, Buffer.from([0]), payload]);
    this.#publish = packet(0x30 | (qos << 1), body);
    this.#idAt = qos === 0 ? 0 : this.#publish.length - payload.length - 3;
  }

  publish(): void {
    if (this.#idAt === 0) {
      this.socket.write(this.#publish);
      return;
    }
    this.#packetId = (this.#packetId % 65_535) + 1;
    const bytes = Buffer.from(this.#publish);
    bytes.writeUInt16BE(this.#packetId, this.#idAt);
    this.socket.write(bytes);
  }

  close(): void {
    this.socket.resetAndDestroy();
  }

  async #ask(bytes: Buffer, type: number): Promise<Buffer> {
    const ended = new AbortController();
    const gone = once(this.socket, "close", { signal: ended.signal }).then(() => {
      throw new Error("the broker closed the connection");
    });
    const answer = new Promise<Buffer>((resolve) => (this.#awaited = { type, resolve }));
    this.socket.write(bytes);
    try {
      return await Promise.race([answer, gone]);
    } finally {
      ended.abort();
      gone.catch(() => undefined);
    }
  }

  #take(bytes: Buffer): void {
    const buffer = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    let publishes = 0;
    const acknowledgements: number[] = [];
    for (;;) {
      const header = headerOf(buffer, at);
      if (!header) break;
      const { type, start, end } = header;
      if (type === PUBLISH) {
        publishes++;
        if (((buffer[at] ?? 0) & 0x06) !== 0) {
          const idAt = start + 2 + buffer.readUInt16BE(start);
          acknowledgements.push(PUBACK << 4, 2, buffer[idAt] ?? 0, buffer[idAt + 1] ?? 0);
        }
      } else if (this.#awaited?.type === type) {
        this.#awaited.resolve(Buffer.from(buffer.subarray(at, end)));
        this.#awaited = undefined;
      }
      at = end;
    }
    this.#rest = at === buffer.length ? Buffer.alloc(0) : buffer.subarray(at);
    if (acknowledgements.length > 0) this.socket.write(Buffer.from(acknowledgements));
    if (publishes === 0) return;
    this.received += publishes;
    this.onReceived(publishes);
  }
}

/** A packet that is there whole: its type, where its body starts, where it ends (MQTT 5.0, 2.1). */
function headerOf(
  buffer: Buffer,
  at: number,
): { readonly type: number; readonly start: number; readonly end: number } | undefined {
  let length = 0;
  for (let digit = 0; digit < 4; digit++) {
    const byte = buffer[at + 1 + digit];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 128 ** digit;
    if (byte >= 0x80) continue;
    const start = at + 2 + digit;
    const end = start + length;
    return end > buffer.length ? undefined : { type: (buffer[at] ?? 0) >> 4, start, end };
  }
  throw new Error("not MQTT");
}

function connectPacket(clientId: string, secret: Secret | undefined): Buffer {
  const flags = secret ? 0xc2 : 0x02;
  const keepAlive = [0, 0];
  const named = secret ? [text(secret.username), text(secret.password)] : [];
  const head = [text("MQTT"), Buffer.from([5, flags, ...keepAlive, 0])];
  return packet(0x10, Buffer.concat([...head, text(clientId), ...named]));
}

function packet(first: number, body: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = body.length; ;) {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    length.push(rest > 0 ? digit | 0x80 : digit);
    if (rest === 0) break;
  }
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
