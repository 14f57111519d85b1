import type { MigrationSet } from "@outrider/storage/storage";

export const JOURNAL_MIGRATIONS: MigrationSet = {
  namespace: "agent",
  steps: [
    {
      id: 1,
      name: "commands, events and memory",
      sql: `
        CREATE TABLE agent_command (
          number      INTEGER PRIMARY KEY AUTOINCREMENT,
          id          TEXT NOT NULL UNIQUE,
          node        TEXT NOT NULL,
          endpoint    TEXT NOT NULL,
          action      TEXT NOT NULL,
          actor       TEXT NOT NULL,
          via         TEXT NOT NULL,
          reason      TEXT,
          epoch       TEXT NOT NULL,
          fence       INTEGER,
          step        TEXT NOT NULL,
          status      TEXT NOT NULL,
          outcome     TEXT,
          accepted_at TEXT NOT NULL,
          ended_at    TEXT
        );
        CREATE INDEX agent_command_open ON agent_command (number) WHERE ended_at IS NULL;
        CREATE INDEX agent_command_accepted ON agent_command (accepted_at);

        -- AUTOINCREMENT: a number that was acknowledged and deleted is never given again.
        CREATE TABLE agent_event (
          seq   INTEGER PRIMARY KEY AUTOINCREMENT,
          event TEXT NOT NULL
        );

        CREATE TABLE agent_endpoint (
          endpoint  TEXT PRIMARY KEY,
          commanded TEXT,
          seen      TEXT,
          boot_id   TEXT,
          attempts  INTEGER NOT NULL DEFAULT 0,
          fault     TEXT,
          owed      TEXT
        );

        CREATE TABLE agent_fence (
          node  TEXT PRIMARY KEY,
          fence INTEGER NOT NULL
        );

        CREATE TABLE agent_desired (
          one      INTEGER PRIMARY KEY CHECK (one = 1),
          document TEXT NOT NULL
        );
      `,
    },
    {
      id: 2,
      name: "measured draw",
      sql: `
        ALTER TABLE agent_endpoint ADD COLUMN running_watts REAL;
        ALTER TABLE agent_endpoint ADD COLUMN starting_watts REAL;
      `,
    },
  ],
};
