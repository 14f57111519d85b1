import type { MigrationSet } from "@outrider/storage/storage";

/** The tables of people, machines and what they show. `identity_version` counts changes, for whoever keeps a copy. */
export const IDENTITY_MIGRATIONS: MigrationSet = {
  namespace: "identity",
  steps: [
    {
      id: 1,
      name: "people and machines",
      sql: `
        CREATE TABLE identity_version (id INTEGER NOT NULL PRIMARY KEY, version INTEGER NOT NULL);
        INSERT INTO identity_version (id, version) VALUES (1, 1);
        CREATE TABLE identity_person (
          name TEXT NOT NULL PRIMARY KEY,
          display_name TEXT NOT NULL,
          role TEXT NOT NULL,
          rights TEXT NOT NULL,
          nodes TEXT,
          disabled INTEGER NOT NULL,
          must_change INTEGER NOT NULL,
          hash TEXT NOT NULL,
          created_at TEXT NOT NULL
        );
        CREATE TABLE identity_machine (
          kind TEXT NOT NULL,
          name TEXT NOT NULL,
          hash TEXT NOT NULL,
          site TEXT NOT NULL,
          PRIMARY KEY (kind, name)
        );
        CREATE TABLE identity_token (
          id TEXT NOT NULL PRIMARY KEY,
          person TEXT NOT NULL,
          name TEXT NOT NULL,
          rights TEXT NOT NULL,
          hash TEXT NOT NULL,
          created_at TEXT NOT NULL,
          expires_at TEXT,
          last_used_at TEXT
        );
        CREATE TABLE identity_key (
          id TEXT NOT NULL PRIMARY KEY,
          person TEXT NOT NULL,
          name TEXT NOT NULL,
          type TEXT NOT NULL,
          fingerprint TEXT NOT NULL UNIQUE,
          text TEXT NOT NULL,
          added_at TEXT NOT NULL
        );
        CREATE TABLE identity_session (
          id TEXT NOT NULL PRIMARY KEY,
          hash TEXT NOT NULL UNIQUE,
          person TEXT NOT NULL,
          address TEXT NOT NULL,
          created_at TEXT NOT NULL,
          last_used_at TEXT NOT NULL,
          expires_at TEXT NOT NULL
        );
        CREATE TABLE identity_import (source TEXT NOT NULL PRIMARY KEY, imported_at TEXT NOT NULL);`,
    },
  ],
};
