import { timestamp, type Clock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import type { HistoryEntry, HistoryPage, HistoryRequest } from "@outrider/contracts/inventory";
import { RequestError } from "@outrider/messaging/request-error";
import type { Statement, Storage } from "@outrider/storage/storage";

/** Entries that are kept; the oldest go first. */
const KEPT = 200_000;
const DEFAULT_PAGE = 100;

interface HistoryRow {
  seq: number;
  at: string;
  what: HistoryEntry["what"];
  node: NodeId | null;
  from_node: NodeId | null;
  kind: string | null;
  part: string | null;
  detail: string;
}

/** What happened to nodes, and where parts have been. */
export class History {
  constructor(
    private readonly storage: Storage,
    private readonly clock: Clock,
  ) {}

  /** What writes the entries: part of the transaction of what they are about. */
  statements(entries: readonly Omit<HistoryEntry, "at">[]): Statement[] {
    if (entries.length === 0) return [];
    const at = timestamp(this.clock);
    return [
      ...entries.map(({ what, node, from, kind, part, detail }) => ({
        sql: `INSERT INTO inventory_history (seq, at, what, node, from_node, kind, part, detail)
              VALUES ((SELECT COALESCE(MAX(seq), 0) + 1 FROM inventory_history), ?, ?, ?, ?, ?, ?, ?)`,
        params: [
          at,
          what,
          node ?? null,
          from ?? null,
          kind ?? null,
          part ?? null,
          detail.slice(0, 500),
        ],
      })),
      {
        sql: `DELETE FROM inventory_history
              WHERE seq <= (SELECT COALESCE(MAX(seq), 0) FROM inventory_history) - ${KEPT}`,
      },
    ];
  }

  /** Nodes that came into the site, and that left it. */
  declared(before: ReadonlySet<NodeId>, after: ReadonlySet<NodeId>): Statement[] {
    const came = [...after].filter((node) => !before.has(node));
    const left = [...before].filter((node) => !after.has(node));
    return this.statements([
      ...came.map((node) => ({
        what: "declared" as const,
        node,
        detail: "declared in the site file",
      })),
      ...left.map((node) => ({
        what: "removed" as const,
        node,
        detail: "not declared in the site file any more",
      })),
    ]);
  }

  /** The node that a part was in when it was seen last, if it is in none now. */
  async lastSeenIn(kind: string, part: string): Promise<NodeId | undefined> {
    const row = await this.storage.get<HistoryRow>(
      "SELECT * FROM inventory_history WHERE part = ? AND kind = ? ORDER BY seq DESC LIMIT 1",
      [part, kind],
    );
    return row?.node ?? undefined;
  }

  /** Newest first. @throws RequestError `invalid` unless exactly one of node and part is asked for */
  async page({ node, part, cursor, limit = DEFAULT_PAGE }: HistoryRequest): Promise<HistoryPage> {
    if ((node === undefined) === (part === undefined)) {
      throw new RequestError("invalid", "expected either node or part", { field: "node" });
    }
    const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor);
    if (!Number.isSafeInteger(before) || before < 0) {
      throw new RequestError("invalid", "is no cursor of a page before", { field: "cursor" });
    }
    const rows = await this.storage.all<HistoryRow>(
      `SELECT * FROM inventory_history
       WHERE ${part === undefined ? "(node = ? OR from_node = ?)" : "part = ?"} AND seq < ?
       ORDER BY seq DESC LIMIT ?`,
      part === undefined ? [node ?? "", node ?? "", before, limit + 1] : [part, before, limit + 1],
    );
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    return {
      entries: shown.map(entryOf),
      ...(rows.length > limit && last ? { next: String(last.seq) } : {}),
    };
  }
}

function entryOf({ at, what, node, from_node, kind, part, detail }: HistoryRow): HistoryEntry {
  return {
    at,
    what,
    ...(node === null ? {} : { node }),
    ...(from_node === null ? {} : { from: from_node }),
    ...(kind === null ? {} : { kind }),
    ...(part === null ? {} : { part }),
    detail,
  };
}
