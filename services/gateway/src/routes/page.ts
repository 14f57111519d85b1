import { HttpProblem } from "../http/problem.js";

/** Where the next page begins: opaque to clients, so that it may change its meaning. */
export function cursorAfter(key: string): string {
  return Buffer.from(key).toString("base64url");
}

/** @throws HttpProblem 422 when it is no cursor of ours */
export function readCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const key = Buffer.from(cursor, "base64url").toString();
  if (cursorAfter(key) === cursor && /^[\w.:-]{1,200}$/.test(key)) return key;
  throw new HttpProblem("invalid", "cursor is not one that a page before gave; begin without one", {
    field: "cursor",
  });
}
