/** The part of a stream of node:stream that is needed here; this package also runs where there is none. */
export interface Corkable {
  readonly writableLength: number;
  cork(): void;
  uncork(): void;
}

/** With more than this gathered, it leaves at once: the receiver can begin, and nobody's memory is used up. */
const GATHER_BYTES = 16_384;

/**
 * Makes packets that are written to a socket within one turn of the event loop leave in one system call. An MQTT packet
 * corks the socket for itself alone; a call for each packet was the largest single cost of broker and clients under
 * load. Nothing waits for a timer: what is gathered leaves when the turn is over, in its order.
 */
export function gatherWrites(socket: Corkable): void {
  const cork = socket.cork.bind(socket);
  let holding = false;
  let planned = false;
  const release = (): void => {
    if (!holding) return;
    holding = false;
    socket.uncork();
  };
  socket.cork = () => {
    cork();
    if (holding) {
      if (socket.writableLength > GATHER_BYTES) release();
      return;
    }
    holding = true;
    cork();
    if (planned) return;
    planned = true;
    setImmediate(() => {
      planned = false;
      release();
    });
  };
}
