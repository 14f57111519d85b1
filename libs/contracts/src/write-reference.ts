import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { referenceFiles } from "./reference.js";

/** Writes `docs/reference` anew from the contracts, and removes schemas of payloads that are gone. */

const folder = fileURLToPath(new URL("../../../docs/reference/", import.meta.url));
const files = referenceFiles();

await mkdir(join(folder, "schemas"), { recursive: true });
for (const name of await readdir(join(folder, "schemas"))) {
  if (!files.has(`schemas/${name}`)) await rm(join(folder, "schemas", name));
}
for (const [path, text] of files) {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}
process.stdout.write(`${files.size} files in ${folder}\n`);
