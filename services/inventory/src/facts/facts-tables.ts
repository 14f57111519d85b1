import type { Migration } from "@outrider/storage/storage";

export const FACTS_MIGRATION: Migration = {
  id: 5,
  name: "facts, history, proposals and drift",
  sql: `CREATE TABLE inventory_parts (
          node TEXT NOT NULL,
          source TEXT NOT NULL,
          part_key TEXT NOT NULL,
          kind TEXT NOT NULL,
          serial TEXT,
          part TEXT NOT NULL,
          first_seen_at TEXT NOT NULL,
          seen_at TEXT NOT NULL,
          PRIMARY KEY (node, source, part_key)
        );
        CREATE INDEX inventory_parts_serial ON inventory_parts (kind, serial);
        CREATE TABLE inventory_history (
          seq INTEGER PRIMARY KEY,
          at TEXT NOT NULL,
          what TEXT NOT NULL,
          node TEXT,
          from_node TEXT,
          kind TEXT,
          part TEXT,
          detail TEXT NOT NULL
        );
        CREATE INDEX inventory_history_node ON inventory_history (node, seq);
        CREATE INDEX inventory_history_from ON inventory_history (from_node, seq);
        CREATE INDEX inventory_history_part ON inventory_history (part, seq);
        CREATE TABLE inventory_proposals (
          id TEXT PRIMARY KEY,
          kind TEXT NOT NULL,
          subject TEXT NOT NULL,
          detail TEXT NOT NULL,
          suggestion TEXT NOT NULL,
          first_seen_at TEXT NOT NULL,
          seen_at TEXT NOT NULL,
          dismissed INTEGER NOT NULL
        );
        CREATE TABLE inventory_drift (
          id TEXT PRIMARY KEY,
          since TEXT NOT NULL
        );`,
};
