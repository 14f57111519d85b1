import type { SiteInForce } from "@outrider/contracts/inventory";
import type { Migration, Statement, Storage } from "@outrider/storage/storage";

/** Revisions that are kept; older ones are forgotten. */
const KEPT = 50;

export const SITE_MIGRATION: Migration = {
  id: 4,
  name: "sites of record",
  sql: `CREATE TABLE inventory_sites (
          revision INTEGER PRIMARY KEY,
          site TEXT NOT NULL,
          hash TEXT NOT NULL,
          text TEXT NOT NULL,
          nodes INTEGER NOT NULL,
          agents INTEGER NOT NULL,
          applied_at TEXT NOT NULL,
          applied_by TEXT NOT NULL
        );
        CREATE TABLE inventory_site_files (
          path TEXT PRIMARY KEY,
          hash TEXT NOT NULL
        );`,
};

/** A site with its text. */
export type StoredSite = SiteInForce & { readonly text: string };

interface SiteRow {
  revision: number;
  site: string;
  hash: string;
  text: string;
  nodes: number;
  agents: number;
  applied_at: string;
  applied_by: string;
}

const COLUMNS = "revision, site, hash, nodes, agents, applied_at, applied_by";

/** The site in force and those before it, and which text of which file was applied last. */
export class SiteStore {
  constructor(private readonly storage: Storage) {}

  async latest(): Promise<StoredSite | undefined> {
    const row = await this.storage.get<SiteRow>(
      "SELECT * FROM inventory_sites ORDER BY revision DESC LIMIT 1",
    );
    return row && { ...inForce(row), text: row.text };
  }

  async revision(revision: number): Promise<StoredSite | undefined> {
    const row = await this.storage.get<SiteRow>(
      "SELECT * FROM inventory_sites WHERE revision = ?",
      [revision],
    );
    return row && { ...inForce(row), text: row.text };
  }

  /** Newest first. */
  async history(): Promise<SiteInForce[]> {
    const rows = await this.storage.all<SiteRow>(
      `SELECT ${COLUMNS} FROM inventory_sites ORDER BY revision DESC LIMIT ${KEPT}`,
    );
    return rows.map(inForce);
  }

  /** Hash of the text that was applied from a file last. */
  async fileHash(path: string): Promise<string | undefined> {
    const row = await this.storage.get<{ hash: string }>(
      "SELECT hash FROM inventory_site_files WHERE path = ?",
      [path],
    );
    return row?.hash;
  }

  /** Resolves when the site is on the disk, with what else belongs to it, all or none. */
  async put(site: StoredSite, beside: readonly Statement[]): Promise<void> {
    const { revision, site: name, hash, text, nodes, agents, appliedAt, appliedBy } = site;
    await this.storage.write([
      ...beside,
      {
        sql: `INSERT INTO inventory_sites (${COLUMNS}, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        params: [revision, name, hash, nodes, agents, appliedAt, appliedBy, text],
      },
      { sql: "DELETE FROM inventory_sites WHERE revision <= ?", params: [revision - KEPT] },
    ]);
  }

  async putFile(path: string, hash: string): Promise<void> {
    await this.storage.write([putFile(path, hash)]);
  }
}

export function putFile(path: string, hash: string): Statement {
  return {
    sql: `INSERT INTO inventory_site_files (path, hash) VALUES (?, ?)
          ON CONFLICT (path) DO UPDATE SET hash = excluded.hash`,
    params: [path, hash],
  };
}

function inForce(row: SiteRow): SiteInForce {
  const { site, revision, hash, nodes, agents } = row;
  return {
    site,
    revision,
    hash,
    appliedAt: row.applied_at,
    appliedBy: row.applied_by,
    nodes,
    agents,
  };
}
