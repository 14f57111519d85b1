import { join } from "node:path";
import { systemClock } from "@outrider/contracts/clock";
import { openStorage } from "@outrider/storage/open-storage";
import type { Statement } from "@outrider/storage/storage";
import { AuditLog } from "../audit-log.js";
import { auditMigrations } from "../audit-migrations.js";

export interface WriteCost {
  /** A journal entry alone, from the call to the disk, in milliseconds. */
  readonly bareMs: number;
  /** The same with an audit record in its transaction. */
  readonly auditedMs: number;
}

const JOURNAL = {
  namespace: "bench",
  steps: [
    {
      id: 1,
      name: "journal",
      sql: "CREATE TABLE bench_journal (id INTEGER NOT NULL PRIMARY KEY, at TEXT NOT NULL)",
    },
  ],
};

/**
 * What an audit record costs the write it is part of: the mean of so many writes, with so many under way at once,
 * bare and audited by turns so that a disk that changes its pace changes both. For a benchmark to print.
 */
export async function auditedWriteCost(
  data: string,
  { writes, atOnce }: { readonly writes: number; readonly atOnce: number },
): Promise<WriteCost> {
  await using storage = await openStorage({
    file: join(data, "bench.sqlite"),
    migrations: [JOURNAL, auditMigrations("bench")],
  });
  await using log = await AuditLog.open({ storage, log: "bench", clock: systemClock });
  let id = 0;
  const record = (): Statement[] =>
    log.statements({
      actor: "person:alice",
      via: "rest",
      act: "power.actuate",
      subject: `n${id}`,
      data: { action: "On", id },
    });
  const spent = { bareMs: 0, auditedMs: 0 };
  const batch = async (audited: boolean): Promise<void> => {
    const startedMs = performance.now();
    await Promise.all(
      Array.from({ length: atOnce }, () => {
        const journalled = {
          sql: "INSERT INTO bench_journal (id, at) VALUES (?, ?)",
          params: [++id, new Date().toISOString()],
        };
        return storage.write([journalled, ...(audited ? record() : [])]);
      }),
    );
    spent[audited ? "auditedMs" : "bareMs"] += performance.now() - startedMs;
  };
  const batches = Math.ceil(writes / atOnce);
  for (let number = 0; number < batches; number++) {
    await batch(false);
    await batch(true);
  }
  const total = batches * atOnce;
  return { bareMs: spent.bareMs / total, auditedMs: spent.auditedMs / total };
}
