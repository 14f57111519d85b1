import type { Socket } from "node:net";
import { minutes, type Clock } from "@outrider/contracts/clock";

/** As much as is read ahead needs so long at 9600 baud, and some. */
const TYPED_WITHIN = minutes(2);

/**
 * What was read before a far end closed or was cut off was typed by somebody who thinks so: they leave once it was
 * taken. A machine that takes nothing is left after a while all the same.
 * @param taken resolves when all was taken that was read so far; must not reject
 * @param leave called once
 */
export function leaveOnceTyped(
  socket: Socket,
  clock: Clock,
  taken: () => Promise<unknown>,
  leave: () => void,
): void {
  let parting = false;
  const part = async (): Promise<void> => {
    if (parting) return;
    parting = true;
    const done = new AbortController();
    const late = clock.sleep(TYPED_WITHIN, done.signal).catch(() => {});
    await Promise.race([taken(), late]);
    done.abort();
    leave();
  };
  socket.once("end", () => void part());
  socket.once("close", () => void part());
}

/**
 * Does something once what a far end had sent by now was read. Whoever typed and went before anybody looked is reset by
 * the first word that is said to them, and what they typed would be gone with the connection.
 */
export function afterFirstRead(act: () => void): void {
  // The next round of the event loop reads, and then does this.
  setImmediate(() => setImmediate(act));
}
