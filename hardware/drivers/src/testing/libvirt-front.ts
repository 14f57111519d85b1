import { createServer, connect, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { rmSync } from "node:fs";
import type { EdgeName, Faults } from "@outrider/simulators/slot-api";

/** Procedures of libvirt's remote protocol (`remote_protocol.x`) and what they do to a machine. */
const ACTS: Readonly<Record<number, EdgeName>> = {
  9: "supply-on",
  12: "supply-off",
  245: "reset",
  258: "press",
  210: "nmi",
};
/** The states of all machines at once. */
const ALL_STATES = 344;
const HEADER_BYTES = 28;
const REPLY = 1;

/** A message without its length: program, version, procedure, type, serial, status, each a word; then the body. */
interface Message {
  readonly bytes: Buffer;
  readonly procedure: number;
  readonly serial: number;
  readonly status: number;
}

/**
 * Stands between virsh and libvirtd, so that one machine's calls can be refused, lost, held back or answered with
 * nothing done, and so that what libvirtd was asked and has done is seen on the wire.
 */
export class LibvirtFront implements AsyncDisposable {
  /** Of the machine {@link machine}. */
  faults: Faults = {};
  readonly #sockets = new Set<Socket>();

  private constructor(
    readonly path: string,
    private readonly machine: string,
    private readonly server: Server,
    private readonly done: (machine: string, edge: EdgeName) => void,
  ) {}

  /**
   * @param done is told what libvirtd has done by request
   * @param machine whose calls the faults are of
   */
  static async start(
    path: string,
    libvirtd: string,
    machine: string,
    done: (machine: string, edge: EdgeName) => void,
  ): Promise<LibvirtFront> {
    rmSync(path, { force: true });
    const server = createServer();
    const front = new LibvirtFront(path, machine, server, done);
    server.on("connection", (client) => front.#join(client, connect(libvirtd)));
    server.listen(path);
    await once(server, "listening");
    return front;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.server, "close");
  }

  #join(client: Socket, libvirtd: Socket): void {
    const asked = new Map<number, { machine: string; edge: EdgeName }>();
    for (const [one, other] of [
      [client, libvirtd],
      [libvirtd, client],
    ] as const) {
      this.#sockets.add(one);
      one.on("error", () => undefined);
      one.on("close", () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    onMessages(client, (message) => {
      const { procedure, serial, bytes } = message;
      const machine = procedure === ALL_STATES ? this.machine : firstText(bytes);
      const edge = ACTS[procedure];
      const { silent, delayMs = 0 } = this.faults;
      const pass = (): void => {
        if (edge !== undefined) asked.set(serial, { machine, edge });
        libvirtd.write(bytes);
      };
      if (machine !== this.machine) return pass();
      if (silent === true) return;
      if (edge === undefined) return pass();
      const said = this.#instead(edge);
      if (said !== undefined) return void client.write(answerTo(message, said));
      if (delayMs === 0) return pass();
      setTimeout(pass, delayMs).unref();
    });
    onMessages(libvirtd, ({ bytes, serial, status }) => {
      const act = asked.get(serial);
      asked.delete(serial);
      if (act && status === 0) this.done(act.machine, act.edge);
      client.write(bytes);
    });
  }

  /** Whether it is answered here: with an error, or with nothing, which means that it was done. */
  #instead(edge: EdgeName): { readonly error?: string } | undefined {
    const { refuseOn = 0, refuseOff = 0, stuckOn } = this.faults;
    if (edge === "supply-on" && refuseOn !== 0) {
      this.faults = { ...this.faults, refuseOn: refuseOn === true ? true : refuseOn - 1 };
      return { error: "internal error: process exited while connecting to monitor" };
    }
    if (edge === "supply-off" && refuseOff !== 0) {
      return { error: "Failed to terminate process 4711 with SIGKILL: Device or resource busy" };
    }
    return edge === "supply-off" && stuckOn === true ? {} : undefined;
  }
}

function onMessages(socket: Socket, take: (message: Message) => void): void {
  let left = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    left = Buffer.concat([left, chunk]);
    while (left.length >= 4 && left.length >= left.readUInt32BE(0)) {
      const bytes = left.subarray(0, left.readUInt32BE(0));
      left = left.subarray(bytes.length);
      const [procedure, serial, status] = [12, 20, 24].map((at) => bytes.readUInt32BE(at));
      take({ bytes, procedure: procedure ?? 0, serial: serial ?? 0, status: status ?? 0 });
    }
  });
}

/** Calls about one machine begin with its name. */
function firstText(bytes: Buffer): string {
  if (bytes.length < HEADER_BYTES + 4) return "";
  const length = bytes.readUInt32BE(HEADER_BYTES);
  return bytes.subarray(HEADER_BYTES + 4).toString("utf8", 0, Math.min(length, 255));
}

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

function answerTo({ bytes }: Message, { error }: { readonly error?: string }): Buffer {
  const head = Buffer.from(bytes.subarray(4, HEADER_BYTES));
  head.writeUInt32BE(REPLY, 12);
  head.writeUInt32BE(error === undefined ? 0 : 1, 20);
  const body = error === undefined ? [] : [remoteError(error)];
  const length = 4 + head.length + body.reduce((sum, one) => sum + one.length, 0);
  return Buffer.concat([word(length), head, ...body]);
}

/** `remote_error`: an operation that is invalid now, with these words and nothing else. */
function remoteError(words: string): Buffer {
  const text = Buffer.from(words);
  const padding = Buffer.alloc((4 - (text.length % 4)) % 4);
  const level = 2;
  return Buffer.concat([
    ...[55, 10, 1, text.length].map(word),
    text,
    padding,
    ...[level, 0, 0, 0, 0, 0, 0, 0].map(word),
  ]);
}
