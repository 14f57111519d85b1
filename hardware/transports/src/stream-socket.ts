import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ConsoleListener } from "@outrider/ports/console-port";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, type Clock } from "@outrider/ports/time";
import { connectionError } from "./connection-error.js";
import { GATHER_MS, ReadPace } from "./read-pace.js";
import type { OpenLine } from "./reconnecting-line.js";

export type SocketAddress =
  | { readonly host: string; readonly port: number }
  /** Absolute path of a unix socket. */
  | { readonly path: string };

export interface StreamSocketOptions {
  readonly address: SocketAddress;
  /** The peer with its address, as messages name it. */
  readonly what: string;
  /** After so long without a byte the system asks the peer whether it is there; 0: never. Not on unix sockets. */
  readonly keepAliveMs: number;
  readonly clock: Clock;
}

/** Connects. @throws PortError `unreachable`, or the reason of `signal` */
export async function openStreamSocket(
  options: StreamSocketOptions,
  listener: ConsoleListener,
  signal: AbortSignal,
): Promise<OpenLine> {
  return streamLine(await connectStream(options, signal), options, listener);
}

/** The connection alone. @throws as {@link openStreamSocket} */
export async function connectStream(
  { address, what, keepAliveMs }: Omit<StreamSocketOptions, "clock">,
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted();
  const keepAlive = { keepAlive: keepAliveMs > 0, keepAliveInitialDelay: keepAliveMs };
  const socket = connect({ ...address, ...keepAlive, noDelay: true });
  await connected(socket, what, signal);
  return socket;
}

function connected(socket: Socket, what: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      socket.destroy();
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    const fail = (error: Error): void => reject(connectionError(what, error));
    socket.once("error", fail);
    socket.once("connect", () => {
      signal.removeEventListener("abort", giveUp);
      socket.off("error", fail);
      resolve();
    });
  });
}

/** A connection as a line: read as it comes, written piece by piece. */
export function streamLine(
  socket: Duplex,
  { what, clock }: { readonly what: string; readonly clock: Clock },
  listener: ConsoleListener,
): OpenLine {
  const pace = new ReadPace();
  let failed: Error | undefined;
  let taken: Promise<void> = Promise.resolve();
  let underWay = false;
  const ended = new Promise<PortError>((resolve) => {
    socket.once("close", () => {
      const closed = new Error("the other side closed the connection");
      resolve(lost(what, failed ?? closed));
    });
  });
  socket.on("error", (error) => (failed = error));
  // A peer that says no more may not read any more either: its connection is of no further use.
  socket.on("end", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    listener.bytes(chunk);
    if (!pace.heavy(chunk.length, clock.monotonicMs())) return;
    socket.pause();
    void clock.sleep(milliseconds(GATHER_MS)).then(() => socket.resume());
  });
  return {
    ended,
    write: async (piece) => {
      // Whoever wrote before may have given up; what they wrote still comes first.
      await taken;
      if (socket.destroyed) throw await ended;
      const written = new Promise<void>((resolve, reject) => {
        socket.write(piece, (error) => (error ? reject(lost(what, error)) : resolve()));
      });
      taken = written.catch(() => {});
      await written;
    },
    writeNow: (piece) => {
      // What the system has not taken is waited for by whoever writes next.
      if (underWay || socket.destroyed || socket.writableLength > 0) return 0;
      underWay = true;
      const written = new Promise<void>((resolve) => {
        socket.write(piece, () => {
          underWay = false;
          resolve();
        });
      });
      if (socket.errored) throw lost(what, socket.errored);
      if (socket.writableLength > 0) taken = written;
      else underWay = false;
      return piece.length;
    },
    [Symbol.asyncDispose]: async () => {
      socket.destroy();
      await ended;
    },
  };
}

function lost(what: string, cause: Error): PortError {
  const words = (cause as NodeJS.ErrnoException).code ?? cause.message;
  return new PortError(
    "unreachable",
    `${what}: the connection was lost (${words}). It is opened again as soon as the other side lets it.`,
    { cause },
  );
}
