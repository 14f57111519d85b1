import type { DescribedDriver, DesiredDomain, DesiredEndpoint } from "@outrider/contracts/agent";
import type { AgentId } from "@outrider/contracts/ids";
import type { MigrationSet, Restored, Storage } from "@outrider/storage/storage";
import type { Published } from "./desired.js";
import { FACTS_MIGRATION } from "./facts/facts-tables.js";
import { LOCK_MIGRATION } from "./locks/lock-store.js";
import { SITE_MIGRATION } from "./record/site-store.js";

export const MIGRATIONS: MigrationSet = {
  namespace: "inventory",
  steps: [
    {
      id: 1,
      name: "agents",
      sql: `CREATE TABLE inventory_desired (
              agent TEXT PRIMARY KEY,
              generation INTEGER NOT NULL,
              hash TEXT NOT NULL,
              endpoints TEXT NOT NULL
            );
            CREATE TABLE inventory_drivers (
              agent TEXT PRIMARY KEY,
              drivers TEXT NOT NULL
            );`,
    },
    {
      id: 2,
      name: "domains of agents",
      sql: "ALTER TABLE inventory_desired ADD COLUMN domains TEXT NOT NULL DEFAULT '[]'",
    },
    LOCK_MIGRATION,
    SITE_MIGRATION,
    FACTS_MIGRATION,
  ],
};

/** What was published last for an agent. */
export interface DesiredRecord extends Published {
  readonly endpoints: readonly DesiredEndpoint[];
  readonly domains: readonly DesiredDomain[];
}

/** What is remembered of agents: what they were last told to have, and the drivers that they last described. */
export class AgentRecords {
  constructor(private readonly storage: Storage) {}

  /** Set while it is not settled that the store was put back from a backup. */
  restored(): Promise<Restored | undefined> {
    return this.storage.restored("inventory");
  }

  async desired(agent: AgentId): Promise<DesiredRecord | undefined> {
    const row = await this.storage.get<{
      generation: number;
      hash: string;
      endpoints: string;
      domains: string;
    }>("SELECT generation, hash, endpoints, domains FROM inventory_desired WHERE agent = ?", [
      agent,
    ]);
    return (
      row && {
        ...row,
        endpoints: JSON.parse(row.endpoints) as DesiredEndpoint[],
        domains: JSON.parse(row.domains) as DesiredDomain[],
      }
    );
  }

  /** Durable before the generation is published, so that no two contents ever have the same one. */
  async setDesired(
    agent: AgentId,
    { generation, hash, endpoints, domains }: DesiredRecord,
  ): Promise<void> {
    await this.storage.write([
      {
        sql: `INSERT INTO inventory_desired (agent, generation, hash, endpoints, domains)
              VALUES (?, ?, ?, ?, ?)
              ON CONFLICT (agent) DO UPDATE
              SET generation = excluded.generation, hash = excluded.hash, endpoints = excluded.endpoints,
                  domains = excluded.domains`,
        params: [agent, generation, hash, JSON.stringify(endpoints), JSON.stringify(domains)],
      },
    ]);
  }

  async removeDesired(agent: AgentId): Promise<void> {
    await this.storage.write([
      { sql: "DELETE FROM inventory_desired WHERE agent = ?", params: [agent] },
    ]);
  }

  /** Agents that were told what to have. */
  async agents(): Promise<AgentId[]> {
    const rows = await this.storage.all<{ agent: AgentId }>(
      "SELECT agent FROM inventory_desired ORDER BY agent",
    );
    return rows.map(({ agent }) => agent);
  }

  async drivers(agent: AgentId): Promise<DescribedDriver[] | undefined> {
    const row = await this.storage.get<{ drivers: string }>(
      "SELECT drivers FROM inventory_drivers WHERE agent = ?",
      [agent],
    );
    return row && (JSON.parse(row.drivers) as DescribedDriver[]);
  }

  async setDrivers(agent: AgentId, drivers: readonly DescribedDriver[]): Promise<void> {
    await this.storage.write([
      {
        sql: `INSERT INTO inventory_drivers (agent, drivers) VALUES (?, ?)
              ON CONFLICT (agent) DO UPDATE SET drivers = excluded.drivers`,
        params: [agent, JSON.stringify(drivers)],
      },
    ]);
  }
}
