import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { driverReference } from "./reference.js";

/** Writes `docs/reference/drivers.md` anew from the drivers. */
await writeFile(
  fileURLToPath(new URL("../../../docs/reference/drivers.md", import.meta.url)),
  await driverReference(),
);
