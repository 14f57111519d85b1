import type { CommandId } from "@outrider/contracts/ids";
import type { Lock, LockPage } from "@outrider/contracts/lock";
import { RequestError } from "@outrider/messaging/request-error";
import type { BookLock } from "./book-lock.js";
import { lockText } from "./lock-store.js";

/** What a page of locks may have in bytes, so that the reply fits a message. */
const PAGE_BYTES = 48_000;

/** The order before which a page begins. @throws RequestError `invalid` */
export function orderOf(cursor: string | undefined): number {
  const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor);
  if (Number.isSafeInteger(before) && before >= 0) return before;
  throw new RequestError("invalid", "is no cursor of a page before", { field: "cursor" });
}

/**
 * As many locks as a page holds.
 * @param found one more than the limit when there are more
 */
export function pageOf(
  found: readonly BookLock[],
  limit: number,
  position: (id: CommandId) => number | undefined,
): LockPage {
  const locks: Lock[] = [];
  let bytes = 0;
  for (const lock of found.slice(0, limit)) {
    const told = lockText(lock, { position: position(lock.id) });
    bytes += Buffer.byteLength(JSON.stringify(told));
    if (locks.length > 0 && bytes > PAGE_BYTES) break;
    locks.push(told);
  }
  const last = found[locks.length - 1];
  return { locks, ...(locks.length < found.length && last ? { next: String(last.order) } : {}) };
}
