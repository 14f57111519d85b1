import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { openStorage } from "../open-storage.js";
import { isStorageError } from "../storage-error.js";
import type { Statement, Storage } from "../storage.js";
import { SUITE_MIGRATIONS } from "../testing/storage-under-test.js";

/**
 * `full-disk-child.js <dir>`, on a file system of its own: fills it to the last byte and goes on using the store.
 * Says what becomes of it.
 */
const [, , dir = ""] = process.argv;
const filler = join(dir, "filler");
const file = join(dir, "store.db");

const storage = await openStorage({ file, migrations: SUITE_MIGRATIONS });
say(`filled ${fillUp()}`);
say(`turnover ${await turnover(storage, 400)}`);
say(`growth ${await growUntilRefused(storage)}`);
await storage.close();

const again = await openStorage({ file, migrations: SUITE_MIGRATIONS });
say(
  `reopened ${JSON.stringify(await again.get("SELECT COUNT(*) > 10 AS grown FROM suite_entry"))}`,
);
rmSync(filler);
await again.write([entry(1_000_000, "x".repeat(100_000))]);
say("room again");
await again.close();

/** A journal's life: each transaction adds a row and removes the one ten before. Returns the first failure. */
async function turnover(store: Storage, rounds: number): Promise<string> {
  for (let n = 0; n < rounds; n += 1) {
    const failure = await failureOf(store, [
      entry(n, `${n}${"x".repeat(500)}`),
      { sql: "DELETE FROM suite_entry WHERE id = ?", params: [n - 10] },
    ]);
    if (failure !== undefined) return `${failure} at ${n}`;
  }
  return "ok";
}

async function growUntilRefused(store: Storage): Promise<string> {
  for (let n = 10_000; n < 20_000; n += 1) {
    const failure = await failureOf(store, [entry(n, `${n}${"x".repeat(10_000)}`)]);
    if (failure !== undefined) return failure;
  }
  return "never refused";
}

async function failureOf(
  store: Storage,
  statements: readonly Statement[],
): Promise<string | undefined> {
  return store.write(statements).then(
    () => undefined,
    (error: unknown) => (isStorageError(error) ? error.code : String(error)),
  );
}

function entry(id: number, word: string): Statement {
  return {
    sql: "INSERT INTO suite_entry (id, lane, step, word) VALUES (?, 0, 0, ?)",
    params: [id, word],
  };
}

function fillUp(): string {
  const handle = openSync(filler, "w");
  for (let size = 65_536; size >= 1;) {
    try {
      writeSync(handle, Buffer.alloc(size));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
      size = Math.floor(size / 2);
    }
  }
  closeSync(handle);
  return "ok";
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}
