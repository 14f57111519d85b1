import type { Socket } from "node:net";
import { systemClock, type Clock } from "@outrider/contracts/clock";
import { silentLog } from "@outrider/messaging/log";
import { PortListener } from "../ways/port-listener.js";
import type { WayParts } from "../ways/raw-server.js";
import type { LoopbackDoor } from "./loopback-door.js";

export interface Serving extends AsyncDisposable {
  readonly port: number;
  /** Resolves once a connection has said all, and that was read. */
  heard(what: "end"): Promise<void>;
}

/** Serves one way in on a free port of the loopback interface. */
export async function serving(
  door: LoopbackDoor,
  serve: (socket: Socket, parts: WayParts) => void,
  clock: Clock = systemClock,
): Promise<Serving> {
  const heard = Promise.withResolvers<void>();
  const listener = new PortListener({
    host: "127.0.0.1",
    port: 0,
    clock,
    onProblem: () => undefined,
    serve: (socket) => {
      socket.once("end", () => heard.resolve());
      serve(socket, { door, clock, log: silentLog });
    },
  });
  await listener.open();
  const port = listener.address?.port ?? 0;
  return { port, heard: () => heard.promise, [Symbol.asyncDispose]: () => listener.close() };
}
