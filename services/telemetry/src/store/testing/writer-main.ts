import { writeSync } from "node:fs";
import { openStore } from "../open-store.js";
import { StoreError } from "../store.js";
import { KnownPoints } from "./known-points.js";
import { DEPS } from "./quiet.js";

/**
 * `writer-main.js <directory> <measurement> <startMs> [url]`: writes known points without end and says how many are kept,
 * until it is killed.
 */
const [, , directory = "", measurement = "", startMs = "", url] = process.argv;
const store = await openStore({ directory, url }, DEPS);
const points = new KnownPoints(measurement, Number(startMs));
writeSync(1, `${JSON.stringify({ ready: true })}\n`);
for (;;) {
  if (!(await points.write(store, 100))) throw new StoreError("full", "there is room");
  writeSync(1, `${points.kept.size}\n`);
}
