import type { Socket } from "node:net";
import { seconds, type Clock } from "@outrider/contracts/clock";

const GRACE = seconds(5);

/** Sends what is still to be sent and closes; a far end that does not read in time is cut off. */
export function endGently(socket: Socket, clock: Clock): void {
  if (socket.destroyed) return;
  const done = new AbortController();
  socket.once("close", () => done.abort());
  socket.end();
  // What still comes is of no interest, but must be read for the far end's own end to be seen.
  socket.resume();
  void clock.sleep(GRACE, done.signal).then(
    () => socket.destroy(),
    () => {},
  );
}
