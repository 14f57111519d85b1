import type { Readable } from "node:stream";

/** More than this typed and not yet taken, and no more is read. */
const MAX_PENDING_BYTES = 65_536;

/**
 * Hands on what comes in, in order, and stops reading while too much of it has not been taken. Up to the bound it does
 * not wait, so that somebody at a console whose device takes nothing can still type the escape to get away.
 * @param take resolves when the bytes were taken; must not reject
 * @returns resolves when all was taken that has come until it does
 */
export function pumpInput(
  stream: Readable,
  take: (bytes: Buffer) => Promise<void>,
): () => Promise<void> {
  let pendingBytes = 0;
  let waiting: (() => void)[] = [];
  stream.on("data", (bytes: Buffer) => {
    pendingBytes += bytes.length;
    if (pendingBytes >= MAX_PENDING_BYTES) stream.pause();
    void take(bytes).then(() => {
      pendingBytes -= bytes.length;
      if (pendingBytes < MAX_PENDING_BYTES && stream.isPaused()) stream.resume();
      if (pendingBytes > 0) return;
      const told = waiting;
      waiting = [];
      for (const tell of told) tell();
    });
  });
  return async () => {
    if (pendingBytes > 0) await new Promise<void>((resolve) => waiting.push(resolve));
  };
}

/** Makes each call wait for the one before. */
export function inOrder(take: (bytes: Buffer) => Promise<void>): (bytes: Buffer) => Promise<void> {
  let before: Promise<void> = Promise.resolve();
  return (bytes) => (before = before.then(() => take(bytes)));
}
