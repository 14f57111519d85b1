import type { Restored, Storage } from "./storage.js";

/** What a restore left for the owner of `namespace`, as `Storage.restored` tells it. */
export async function readRestored(
  storage: Pick<Storage, "get">,
  namespace: string | undefined,
): Promise<Restored | undefined> {
  const row = await storage.get<{ id: string; restored_at: string; backup_at: string }>(
    "SELECT id, restored_at, backup_at FROM outrider_restore WHERE namespace = ?",
    [namespace ?? ""],
  );
  return (
    row && {
      id: row.id,
      restoredAt: row.restored_at,
      backupAt: row.backup_at,
      settled: {
        sql: "DELETE FROM outrider_restore WHERE namespace = ? AND id = ?",
        params: [namespace ?? "", row.id],
        expectChanges: 1,
      },
    }
  );
}
