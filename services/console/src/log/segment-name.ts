import { join } from "node:path";

/** `bytes` and `index`: not sealed; `zst`: sealed; `part`: a seal that was not finished. */
export type SegmentKind = "bytes" | "index" | "zst" | "part";

/** A segment's files bear the position of its first byte, so that names sort as the log goes. */
export function segmentPath(directory: string, first: number, kind: SegmentKind): string {
  return join(directory, `${String(first).padStart(16, "0")}.${kind}`);
}

/** Reads a file name; undefined when it is not one of a log. */
export function parseSegmentName(
  name: string,
): { readonly first: number; readonly kind: SegmentKind } | undefined {
  const match = /^(\d{16})\.(bytes|index|zst|part)$/.exec(name);
  return match ? { first: Number(match[1]), kind: match[2] as SegmentKind } : undefined;
}
