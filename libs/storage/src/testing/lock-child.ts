import { writeSync } from "node:fs";
import { acquireInstanceLock } from "../instance-lock.js";
import { isStorageError } from "../storage-error.js";

/** `lock-child.js <dir> <name>`: takes the lock, says `held by me`, and keeps it until it is killed; or says why not. */
const [, , dir = "", name = ""] = process.argv;
try {
  await acquireInstanceLock(dir, name, `child ${process.pid}`);
  // A turn of the event loop later nothing but the lock itself refers to it.
  await new Promise((resolve) => setImmediate(resolve));
  globalThis.gc?.();
  writeSync(1, "held by me\n");
  setInterval(() => {}, 60_000);
} catch (error) {
  writeSync(1, `${isStorageError(error) ? error.code : "unknown"} ${String(error)}\n`);
}
