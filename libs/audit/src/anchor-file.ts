import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { AuditHead } from "./chain.js";

/** Where the last head of a log is noted, apart from its database. */
export function anchorPath(data: string, log: string): string {
  return join(data, "audit", `${log}.head`);
}

/** The head that was noted; undefined when there is no file or it is not one of ours. */
export async function readAnchor(path: string): Promise<AuditHead | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  const [, seq, hash] = /^(\d{1,15}) ([0-9a-f]{64})\n$/.exec(text) ?? [];
  return seq !== undefined && hash !== undefined ? { seq: Number(seq), hash } : undefined;
}

/** Notes a head, in one step. */
export async function writeAnchor(path: string, head: AuditHead): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const next = `${path}.next`;
  const file = await open(next, "w", 0o600);
  try {
    await file.writeFile(`${head.seq} ${head.hash}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
}
