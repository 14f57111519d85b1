import { hours, type Clock } from "@outrider/contracts/clock";
import type { AlarmsAsked } from "@outrider/contracts/telemetry-pages";
import type { Storage } from "@outrider/storage/storage";
import { fromJson } from "@outrider/storage/values";
import { nodeOfSubject, type Alarm, type Standing } from "./alarm.js";
import type { Ledger } from "./ledger.js";

/** Alarms that are over are kept so long, and so many. */
const KEPT_MS = 365 * 86_400_000;
const MOST_KEPT = 100_000;
const PRUNE = hours(1);
/** More nodes than this are looked for one row after another. */
const MOST_NAMED = 5000;
const ROWS = 1000;

interface Row {
  readonly seq: number;
  readonly alarm: string;
}

/** Alarms that are over, as they are kept. */
export class AlarmHistory {
  #stopPruning: (() => void) | undefined;

  constructor(
    private readonly parts: {
      readonly storage: Pick<Storage, "all">;
      readonly ledger: Pick<Ledger, "put">;
      readonly clock: Clock;
      /** Place of the newest alarm. */
      readonly newest: () => number;
      /** Default: {@link MOST_KEPT}. */
      readonly mostKept?: number | undefined;
    },
  ) {}

  /** Lets go of what is too old or too much, now and each hour. */
  start(): void {
    this.#prune();
    this.#stopPruning = this.parts.clock.every(PRUNE, () => this.#prune());
  }

  stop(): void {
    this.#stopPruning?.();
  }

  /** Newest first. @throws StorageError; the signal's reason */
  async cleared(
    { nodes, severity, before = Number.MAX_SAFE_INTEGER }: Omit<AlarmsAsked, "limit" | "state">,
    limit: number,
    signal: AbortSignal,
  ): Promise<Standing[]> {
    if (nodes?.length === 0) return [];
    const named = nodes && nodes.length <= MOST_NAMED ? nodes : undefined;
    const wanted = nodes && !named ? new Set<string>(nodes) : undefined;
    const conditions = [
      "cleared_ms IS NOT NULL",
      ...(severity ? ["severity = ?"] : []),
      ...(named ? [`node IN (${named.map(() => "?").join(", ")})`] : []),
    ].join(" AND ");
    const params = [...(severity ? [severity] : []), ...(named ?? [])];
    const most = wanted ? ROWS : limit;
    const found: Standing[] = [];
    for (let from = before; found.length < limit;) {
      signal.throwIfAborted();
      const rows = await this.parts.storage.all<Row>(
        `SELECT seq, alarm FROM telemetry_alarms WHERE ${conditions} AND seq < ?
          ORDER BY seq DESC LIMIT ?`,
        [...params, from, most],
      );
      for (const { seq, alarm } of rows) {
        const read = { ...fromJson<Alarm>(alarm), seq };
        if (!wanted || wanted.has(nodeOfSubject(read.subject) ?? "")) found.push(read);
      }
      const last = rows.at(-1);
      if (!last || !wanted || rows.length < most) break;
      from = last.seq;
    }
    return found.slice(0, limit);
  }

  #prune(): void {
    const { ledger, clock, newest, mostKept = MOST_KEPT } = this.parts;
    void ledger.put([
      {
        sql: "DELETE FROM telemetry_alarms WHERE cleared_ms < ? OR (cleared_ms IS NOT NULL AND seq <= ?)",
        params: [clock.now().getTime() - KEPT_MS, newest() - mostKept],
      },
    ]);
  }
}
