import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { cliReference } from "./reference.js";

/** Writes `docs/reference/cli.md` anew from the program. */
await writeFile(
  fileURLToPath(new URL("../../../docs/reference/cli.md", import.meta.url)),
  cliReference(),
);
