import { createHash } from "node:crypto";

/** A short strong tag of what an answer is made of. */
export function tagOf(...parts: readonly (string | number | boolean)[]): string {
  const hash = createHash("sha1").update(parts.join("\u0000")).digest("base64url");
  return hash.slice(0, 20);
}

/** The header's form of a tag. Weak: the same state, though an age beside it may differ. */
export function entityTag(tag: string): string {
  return `W/"${tag}"`;
}

/** Whether an If-None-Match or If-Match header names a tag. `*` names any. */
export function names(header: string, tag: string): boolean {
  if (header.trim() === "*") return true;
  return header.split(",").some((one) => one.trim().replace(/^W\//, "") === `"${tag}"`);
}

/** The one tag that an If-Match header names, bare; undefined when there is none, or several. */
export function soleTag(header: string | undefined): string | undefined {
  return /^\s*(?:W\/)?"([^"]{1,200})"\s*$/.exec(header ?? "")?.[1];
}
