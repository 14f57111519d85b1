import { createHash } from "node:crypto";
import { timestamp, type Clock } from "@outrider/contracts/clock";
import type { Drift, DriftList } from "@outrider/contracts/inventory";
import type { Storage } from "@outrider/storage/storage";
import { Turns } from "../turns.js";
import type { Difference } from "./drift.js";

/** What one answer holds. */
const SHOWN = 500;
const ANSWER_BYTES = 56_000;

/** Since when each difference has been there, as far as anybody looked. */
export class DriftLog {
  readonly #turns = new Turns();

  constructor(
    private readonly storage: Storage,
    private readonly clock: Clock,
  ) {}

  /** The differences that are there now, the longest first, as many as an answer holds. */
  note(differences: readonly Difference[]): Promise<DriftList> {
    return this.#turns.take(async () => {
      const at = timestamp(this.clock);
      const rows = await this.storage.all<{ id: string; since: string }>(
        "SELECT id, since FROM inventory_drift",
      );
      const since = new Map(rows.map((row) => [row.id, row.since]));
      const now = new Map(differences.map((one) => [idOf(one), one]));
      const statements = [
        ...[...now.keys()]
          .filter((id) => !since.has(id))
          .map((id) => ({
            sql: "INSERT INTO inventory_drift (id, since) VALUES (?, ?)",
            params: [id, at],
          })),
        ...[...since.keys()]
          .filter((id) => !now.has(id))
          .map((id) => ({ sql: "DELETE FROM inventory_drift WHERE id = ?", params: [id] })),
      ];
      if (statements.length > 0) await this.storage.write(statements);
      const all = [...now]
        .map(([id, one]): Drift => ({ ...one, since: since.get(id) ?? at }))
        .toSorted((a, b) => (a.since < b.since ? -1 : a.since > b.since ? 1 : 0));
      return { drift: fitting(all), total: all.length };
    });
  }

  stop(): Promise<void> {
    return this.#turns.stop();
  }
}

function fitting(all: readonly Drift[]): Drift[] {
  const shown: Drift[] = [];
  let bytes = 0;
  for (const one of all) {
    bytes += Buffer.byteLength(JSON.stringify(one));
    if (shown.length === SHOWN || bytes > ANSWER_BYTES) break;
    shown.push(one);
  }
  return shown;
}

function idOf({ kind, subject, declared, found }: Difference): string {
  return createHash("sha256")
    .update(JSON.stringify([kind, subject, declared, found]))
    .digest("hex")
    .slice(0, 32);
}
