import { writeSync } from "node:fs";
import type { Storage } from "../storage.js";
import { SUITE_MIGRATIONS, type StorageUnderTest } from "./storage-under-test.js";

/**
 * A process to be killed: `storage-writer.js <module> <place> <lanes> [<steps>]`. In each lane it writes an entry and its
 * two halves as one transaction, says `ack <lane> <step>` on stdout once that has resolved, and goes on with the next
 * step; for ever, or for `steps` steps. `ready` is said first.
 */
const [, , module = "", place = "", lanes = "1", steps = "Infinity"] = process.argv;

const { underTest } = (await import(module)) as { underTest: StorageUnderTest };
await using storage = await underTest.open(place, SUITE_MIGRATIONS);
writeSync(1, "ready\n");
await Promise.all(
  Array.from({ length: Number(lanes) }, (_, lane) => writeLane(storage, lane, Number(steps))),
);

async function writeLane(store: Storage, lane: number, count: number): Promise<void> {
  const last = await store.get<{ step: number | null }>(
    "SELECT MAX(step) AS step FROM suite_entry WHERE lane = ?",
    [lane],
  );
  const first = (last?.step ?? 0) + 1;
  for (let step = first; step < first + count; step += 1) {
    const id = step * 1000 + lane;
    await store.write([
      {
        sql: "INSERT INTO suite_entry (id, lane, step, word) VALUES (?, ?, ?, ?)",
        params: [id, lane, step, `w${id}`],
        expectChanges: 1,
      },
      { sql: "INSERT INTO suite_part (entry, half) VALUES (?, 1)", params: [id], expectChanges: 1 },
      { sql: "INSERT INTO suite_part (entry, half) VALUES (?, 2)", params: [id], expectChanges: 1 },
    ]);
    writeSync(1, `ack ${lane} ${step}\n`);
  }
}
