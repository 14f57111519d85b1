import type { ConsolePolicies } from "@outrider/contracts/console";
import type { MigrationSet, Storage } from "@outrider/storage/storage";
import { fromJson, toJson } from "@outrider/storage/values";
import type { Declaration } from "./declared-consoles.js";

/** Tables of the console service. */
export const CONSOLE_MIGRATIONS: MigrationSet["steps"] = [
  {
    id: 1,
    name: "declared consoles",
    sql: "CREATE TABLE console_declared (node TEXT NOT NULL PRIMARY KEY, declaration TEXT NOT NULL);",
  },
];

/** What the site declared last, so that consoles are read also when this service starts while the bus is away. */
export class RememberedConsoles {
  #known = new Map<string, string>();
  #policies: string | undefined;

  constructor(private readonly storage: Storage) {}

  /** @throws StorageError */
  async load(): Promise<Declaration[]> {
    const rows = await this.storage.all<{ node: string; declaration: string }>(
      "SELECT node, declaration FROM console_declared ORDER BY node",
    );
    this.#known = new Map(rows.map(({ node, declaration }) => [node, declaration]));
    return rows.map(({ declaration }) => fromJson<Declaration>(declaration));
  }

  /** Ports, how logs are kept, break sequences: all that the site said of consoles. @throws StorageError */
  async loadPolicies(): Promise<ConsolePolicies | undefined> {
    const [row] = await this.storage.all<{ policies: string }>(
      "SELECT policies FROM console_policies",
    );
    this.#policies = row?.policies;
    return row && fromJson<ConsolePolicies>(row.policies);
  }

  /** @throws StorageError */
  async savePolicies(policies: ConsolePolicies): Promise<void> {
    const text = toJson(policies);
    if (text === this.#policies) return;
    const sql = `INSERT INTO console_policies (name, policies) VALUES ('site', ?)
      ON CONFLICT (name) DO UPDATE SET policies = excluded.policies`;
    await this.storage.write([{ sql, params: [text] }]);
    this.#policies = text;
  }

  /** Keeps these and no others. @throws StorageError */
  async save(declarations: readonly Declaration[]): Promise<void> {
    const next = new Map(declarations.map((one) => [one.node as string, toJson(one)]));
    const gone = [...this.#known.keys()].filter((node) => !next.has(node));
    const changed = [...next].filter(([node, text]) => this.#known.get(node) !== text);
    if (gone.length === 0 && changed.length === 0) return;
    await this.storage.write([
      ...gone.map((node) => ({
        sql: "DELETE FROM console_declared WHERE node = ?",
        params: [node],
      })),
      ...changed.map(([node, text]) => ({
        sql: `INSERT INTO console_declared (node, declaration) VALUES (?, ?)
          ON CONFLICT (node) DO UPDATE SET declaration = excluded.declaration`,
        params: [node, text],
      })),
    ]);
    this.#known = next;
  }
}
