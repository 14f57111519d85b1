import type { ConsoleStage } from "@outrider/contracts/console";
import type { NodeId } from "@outrider/contracts/ids";
import type { Storage } from "@outrider/storage/storage";

export interface KnownStage {
  readonly stage: ConsoleStage;
  readonly sinceMicros: number;
}

interface Row {
  readonly node: string;
  readonly stage: string;
  readonly since_micros: number;
}

/** How far machines had come of whose start the log knows nothing: a panic is still one after a restart of this service. */
export class RememberedStages {
  readonly #known = new Map<string, KnownStage>();

  /** @param run does something in the background; what the database refuses is not tried again */
  constructor(
    private readonly storage: Storage,
    private readonly run: (doing: Promise<unknown>) => void,
  ) {}

  /** @throws StorageError */
  async load(): Promise<void> {
    const rows = await this.storage.all<Row>("SELECT * FROM console_stages");
    for (const { node, stage, since_micros: sinceMicros } of rows) {
      this.#known.set(node, { stage: stage as KnownStage["stage"], sinceMicros });
    }
  }

  of(node: NodeId): KnownStage | undefined {
    return this.#known.get(node);
  }

  keep(node: NodeId, known: KnownStage): void {
    this.#known.set(node, known);
    const sql = `INSERT INTO console_stages (node, stage, since_micros) VALUES (?, ?, ?)
      ON CONFLICT (node) DO UPDATE SET stage = excluded.stage, since_micros = excluded.since_micros`;
    const params = [node, known.stage, Math.round(known.sinceMicros)];
    this.run(this.storage.write([{ sql, params }]));
  }
}
