import { writeSync } from "node:fs";
import { openStorage } from "../open-storage.js";
import { acquireLease } from "../postgres/lease.js";
import { isStorageError } from "../storage-error.js";
import { SUITE_MIGRATIONS } from "./storage-under-test.js";

/**
 * `lease-child.js <url> <name> <ttl ms>`: takes the lease and counts up in the database for ever, saying each number.
 * Says `lost <code>` when the lease is, and `refused <code>` when a write is; ends after the second of them.
 */
const [, , url = "", name = "", ttl = "0"] = process.argv;
const said = new Set<string>();
const end = (what: string, error: unknown): void => {
  writeSync(1, `${what} ${isStorageError(error) ? error.code : String(error)}\n`);
  said.add(what);
  if (said.size === 2) process.exit(0);
};
const lease = await acquireLease({
  url,
  name,
  holder: `child ${process.pid}`,
  lost: (error) => end("lost", error),
  ttlMs: Number(ttl),
});
const storage = await openStorage({ url, migrations: SUITE_MIGRATIONS, lease: lease.token });
for (let n = 1; !said.has("refused"); n += 1) {
  try {
    await storage.write([
      { sql: "INSERT INTO suite_counter (name, n) VALUES (?, ?)", params: [`${name} ${n}`, n] },
    ]);
    writeSync(1, `wrote ${n}\n`);
  } catch (error) {
    end("refused", error);
  }
}
