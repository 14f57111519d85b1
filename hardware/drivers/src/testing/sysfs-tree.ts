import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A root folder with files as the kernel has them under `/sys`. */
export function sysfsTree(files: Readonly<Record<string, string | number>>) {
  const root = mkdtempSync(join(tmpdir(), "sys-"));
  const set = (path: string, text: string | number): void => {
    const file = join(root, "sys", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${text}\n`);
  };
  for (const [path, text] of Object.entries(files)) set(path, text);
  return { root, set, [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
}
