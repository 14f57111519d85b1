import { writeSync } from "node:fs";
import { openStorage } from "../open-storage.js";
import { isStorageError } from "../storage-error.js";
import { SUITE_MIGRATIONS } from "../testing/storage-under-test.js";

/**
 * `flush-fault-child.js <file>`: writes six rows one after the other and says `<id> ok` or `<id> <code>` of each; is
 * killed right after the first that fails, or else at the end.
 */
const [, , file = ""] = process.argv;
try {
  const storage = await openStorage({ file, migrations: SUITE_MIGRATIONS });
  for (let id = 1; id <= 6; id += 1) {
    await storage.write([
      {
        sql: "INSERT INTO suite_entry (id, lane, step, word) VALUES (?, 0, 0, ?)",
        params: [id, `w${id}`],
      },
    ]);
    writeSync(1, `${id} ok\n`);
  }
  writeSync(1, "end\n");
} catch (error) {
  writeSync(1, `failed ${isStorageError(error) ? error.code : String(error)}\n`);
}
process.kill(process.pid, "SIGKILL");
