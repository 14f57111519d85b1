import { execFileSync } from "node:child_process";
import { statSync, writeSync } from "node:fs";
import { openStorage } from "../open-storage.js";
import { isStorageError } from "../storage-error.js";
import type { Statement, Storage } from "../storage.js";
import { SUITE_MIGRATIONS } from "../testing/storage-under-test.js";

/**
 * `failing-disk-child.js <file>`: a process whose disk fails in the middle of a COMMIT, and heals. The kernel refuses
 * to lengthen files (RLIMIT_FSIZE), which SQLite tells as an I/O error. Says each outcome, and is killed at the end.
 */
const [, , file = ""] = process.argv;
const storage = await openStorage({ file, migrations: SUITE_MIGRATIONS });

await write("before", storage, entry(1, "before"));
limitFiles(statSync(`${file}-wal`).size);
// With its index twice this: three are more than the log has room for, and less than SQLite keeps in memory until the COMMIT.
const large = "x".repeat(200_000);
await Promise.all([
  write("large-1", storage, entry(2, `${large}2`)),
  write("wrong", storage, entry(1, "taken")),
  write("large-2", storage, entry(3, `${large}3`)),
  write("large-3", storage, entry(4, `${large}4`)),
]);
await write("large-again", storage, entry(5, large.repeat(4)));
limitFiles("unlimited");
await write("healed", storage, entry(6, "healed"));
say(
  `rows ${(await storage.all<{ id: number }>("SELECT id FROM suite_entry ORDER BY id")).map((row) => row.id).join(" ")}`,
);
process.kill(process.pid, "SIGKILL");

async function write(name: string, store: Storage, statement: Statement): Promise<void> {
  const outcome = await store.write([statement]).then(
    () => "ok",
    (error: unknown) => (isStorageError(error) ? `${error.code} ${error.message}` : String(error)),
  );
  say(`${name} ${outcome}`);
}

function entry(id: number, word: string): Statement {
  return {
    sql: "INSERT INTO suite_entry (id, lane, step, word) VALUES (?, 0, 0, ?)",
    params: [id, word],
  };
}

function limitFiles(bytes: number | "unlimited"): void {
  execFileSync("prlimit", ["--pid", String(process.pid), `--fsize=${bytes}:unlimited`]);
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}
