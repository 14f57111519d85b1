import { createSocket, type Socket } from "node:dgram";

type Sent = (error: Error | null, bytes: number) => void;

/**
 * A UDP socket that is connected to its device, in the shape in which net-snmp sends. Connected, it takes datagrams
 * from nobody else, and hears from the kernel that nobody listens there instead of waiting for an answer.
 */
class ConnectedDatagram {
  readonly #socket: Socket;
  #connecting: Promise<void> | undefined;

  constructor(
    transport: "udp4" | "udp6",
    private readonly lost: (error: Error) => void,
  ) {
    this.#socket = createSocket(transport);
    this.#socket.on("error", (error) => this.lost(error));
  }

  on(event: string, listener: (...args: unknown[]) => void): void {
    // net-snmp would emit an error as an event of its own, which nobody could listen to.
    if (event !== "error") this.#socket.on(event, listener);
  }

  send(
    buffer: Uint8Array,
    offset: number,
    length: number,
    port: number,
    host: string,
    sent: Sent,
  ): void {
    this.#connecting ??= this.#connect(port, host);
    this.#connecting.then(
      () =>
        this.#socket.send(buffer, offset, length, (error, bytes) => {
          // The kernel tells the next to send what became of those before: it is true for all of them.
          sent(error, bytes);
          if (error) this.lost(error);
        }),
      (error: Error) => {
        this.#connecting = undefined;
        sent(error, 0);
      },
    );
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  close(): void {
    try {
      this.#socket.close();
    } catch {
      // Closed before.
    }
  }

  #connect(port: number, host: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.connect(port, host, ((error?: Error) => {
        if (error) reject(error);
        else resolve();
      }) as () => void);
    });
  }
}

/** What net-snmp takes in the place of `node:dgram`. @param lost is told why nothing arrives at the device */
export function connectedDatagrams(lost: (error: Error) => void): {
  readonly createSocket: (transport: "udp4" | "udp6") => ConnectedDatagram;
} {
  return { createSocket: (transport) => new ConnectedDatagram(transport, lost) };
}
