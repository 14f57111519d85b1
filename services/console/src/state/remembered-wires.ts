import type { NodeId } from "@outrider/contracts/ids";
import type { MigrationSet, Storage } from "@outrider/storage/storage";

/** Its table; by number after those of rules and scripts. */
export const WIRE_MIGRATIONS: MigrationSet["steps"] = [
  {
    id: 5,
    name: "wires to set back",
    sql: `
      CREATE TABLE console_wires (
        node TEXT NOT NULL PRIMARY KEY,
        line INTEGER NOT NULL,
        control INTEGER NOT NULL
      );`,
  },
];

/** What somebody who is attached has set, and what is to be set back when they have left. */
export interface WireDebt {
  /** Speed and format. */
  readonly line: boolean;
  /** DTR or RTS. */
  readonly control: boolean;
}

/** What {@link WireDebt} there was, for a service that starts where another has died under people's hands. */
export interface WireMemory {
  of(node: NodeId): WireDebt;
  /** Resolves when it is written, or cannot be: whoever was told of an act before that could lose it with the service. */
  keep(node: NodeId, debt: WireDebt): Promise<void>;
}

interface Row {
  readonly node: string;
  readonly line: number;
  readonly control: number;
}

const NOTHING: WireDebt = { line: false, control: false };

export class RememberedWires implements WireMemory {
  readonly #known = new Map<string, WireDebt>();

  /** @param run does something in the background; what the database refuses is not tried again */
  constructor(
    private readonly storage: Storage,
    private readonly run: (doing: Promise<unknown>) => void,
  ) {}

  /** @throws StorageError */
  async load(): Promise<void> {
    const rows = await this.storage.all<Row>("SELECT * FROM console_wires");
    for (const { node, line, control } of rows) {
      this.#known.set(node, { line: line !== 0, control: control !== 0 });
    }
  }

  of(node: NodeId): WireDebt {
    return this.#known.get(node) ?? NOTHING;
  }

  async keep(node: NodeId, debt: WireDebt): Promise<void> {
    const { line, control } = this.of(node);
    if (debt.line === line && debt.control === control) return;
    this.#known.set(node, debt);
    const sql = `INSERT INTO console_wires (node, line, control) VALUES (?, ?, ?)
      ON CONFLICT (node) DO UPDATE SET line = excluded.line, control = excluded.control`;
    const params = [node, Number(debt.line), Number(debt.control)];
    const written = this.storage.write([{ sql, params }]);
    this.run(written);
    await written.catch(() => undefined);
  }
}
