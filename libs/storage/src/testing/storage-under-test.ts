import type { MigrationSet, Storage } from "../storage.js";

export interface OpenLimits {
  readonly readonly?: boolean;
  /** The store may not grow beyond this. */
  readonly maximumBytes?: number;
}

/** A kind of storage, as the suite needs it. */
export interface StorageUnderTest {
  readonly name: string;
  /** URL of a module that exports this very object as `underTest`, so that a child process can open the same store. */
  readonly module: string;
  /** Whether `maximumBytes` can be kept to. */
  readonly limitsSize: boolean;
  /** Whether a text may have U+0000 in it; else it is refused as `constraint`. */
  readonly keepsNul: boolean;
  /** Makes an empty store and says where it is (a path, a URL). */
  create(): Promise<string>;
  open(place: string, migrations: MigrationSet, limits?: OpenLimits): Promise<Storage>;
  remove(place: string): Promise<void>;
}

export const SUITE_MIGRATIONS: MigrationSet = {
  namespace: "suite",
  steps: [
    {
      id: 1,
      name: "entries",
      sql: `CREATE TABLE suite_entry (id INTEGER PRIMARY KEY, lane INTEGER NOT NULL, step INTEGER NOT NULL, word TEXT NOT NULL UNIQUE);
            CREATE TABLE suite_part (entry INTEGER NOT NULL REFERENCES suite_entry (id), half INTEGER NOT NULL CHECK (half IN (1, 2)), PRIMARY KEY (entry, half));`,
    },
    {
      id: 2,
      name: "counters",
      sql: "CREATE TABLE suite_counter (name TEXT PRIMARY KEY, n INTEGER NOT NULL);",
    },
  ],
};
