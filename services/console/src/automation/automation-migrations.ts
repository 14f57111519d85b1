import type { MigrationSet } from "@outrider/storage/storage";

/** Tables of the rules that watch consoles, their captures, of scripts, and of how far machines have come. */
export const AUTOMATION_MIGRATIONS: MigrationSet["steps"] = [
  {
    id: 2,
    name: "rules, captures and scripts",
    sql: `
      CREATE TABLE console_rules (
        name TEXT NOT NULL PRIMARY KEY,
        rule TEXT NOT NULL
      );
      CREATE TABLE console_rule_records (
        rule TEXT NOT NULL,
        node TEXT NOT NULL,
        matches INTEGER NOT NULL,
        last_match_ms INTEGER,
        acted_ms INTEGER,
        power_actions INTEGER NOT NULL,
        latched INTEGER NOT NULL,
        detail TEXT,
        PRIMARY KEY (rule, node)
      );
      CREATE TABLE console_captures (
        id TEXT NOT NULL PRIMARY KEY,
        node TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        rule TEXT NOT NULL,
        line TEXT NOT NULL,
        bytes INTEGER NOT NULL
      );
      CREATE INDEX console_captures_by_node ON console_captures (node, at_ms);
      CREATE TABLE console_scripts (
        id TEXT NOT NULL PRIMARY KEY,
        node TEXT NOT NULL,
        actor TEXT NOT NULL,
        state TEXT NOT NULL,
        started_ms INTEGER NOT NULL,
        ended_ms INTEGER,
        line INTEGER NOT NULL,
        detail TEXT,
        transcript TEXT
      );
      CREATE INDEX console_scripts_by_start ON console_scripts (started_ms);`,
  },
  {
    id: 3,
    name: "what was about to be done, and stages",
    sql: `
      ALTER TABLE console_rule_records ADD COLUMN pending TEXT;
      CREATE TABLE console_stages (
        node TEXT NOT NULL PRIMARY KEY,
        stage TEXT NOT NULL,
        since_micros INTEGER NOT NULL
      );`,
  },
  {
    id: 4,
    name: "all that the site said of consoles, and captures under way",
    sql: `
      CREATE TABLE console_policies (
        name TEXT NOT NULL PRIMARY KEY,
        policies TEXT NOT NULL
      );
      CREATE TABLE console_captures_begun (
        id TEXT NOT NULL PRIMARY KEY,
        node TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        rule TEXT NOT NULL,
        line TEXT NOT NULL,
        position INTEGER NOT NULL
      );`,
  },
];

/** A silence is spoken of once, also over restarts. Later than what other parts have added since. */
export const SILENCE_MIGRATIONS: MigrationSet["steps"] = [
  {
    id: 6,
    name: "the silence that a rule has spoken of",
    sql: `
      ALTER TABLE console_rule_records ADD COLUMN silence_position BIGINT;`,
  },
];
