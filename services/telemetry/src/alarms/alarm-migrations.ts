import type { Migration } from "@outrider/storage/storage";

/** Alarms from their raising on, what happened, who was told, and what is to be told. */
export const ALARM_MIGRATION: Migration = {
  id: 10,
  name: "alarms, events and notifications",
  sql: `
    CREATE TABLE telemetry_alarms (
      seq BIGINT NOT NULL PRIMARY KEY,
      subject TEXT NOT NULL,
      node TEXT,
      id TEXT NOT NULL,
      severity TEXT NOT NULL,
      raised_ms BIGINT NOT NULL,
      cleared_ms BIGINT,
      alarm TEXT NOT NULL
    );
    CREATE INDEX telemetry_alarms_by_clearing ON telemetry_alarms (cleared_ms);
    CREATE TABLE telemetry_events (
      seq BIGINT NOT NULL PRIMARY KEY,
      id TEXT NOT NULL,
      at_ms BIGINT NOT NULL,
      subject TEXT NOT NULL,
      node TEXT,
      severity TEXT NOT NULL,
      kind TEXT NOT NULL,
      message TEXT NOT NULL,
      data TEXT
    );
    CREATE UNIQUE INDEX telemetry_events_by_id ON telemetry_events (id);
    CREATE INDEX telemetry_events_by_node ON telemetry_events (node, seq);
    CREATE INDEX telemetry_events_by_time ON telemetry_events (at_ms);
    CREATE TABLE telemetry_told (
      channel TEXT NOT NULL,
      alarm BIGINT NOT NULL,
      severity TEXT NOT NULL,
      told_ms BIGINT NOT NULL,
      PRIMARY KEY (channel, alarm)
    );
    CREATE TABLE telemetry_notifications (
      id TEXT NOT NULL PRIMARY KEY,
      channel TEXT NOT NULL,
      made_ms BIGINT NOT NULL,
      attempts INTEGER NOT NULL,
      message TEXT NOT NULL
    );
    CREATE TABLE telemetry_policies (
      name TEXT NOT NULL PRIMARY KEY,
      policy TEXT NOT NULL
    );`,
};

export const ALARM_INDEX_MIGRATION: Migration = {
  id: 11,
  name: "alarms by node",
  sql: "CREATE INDEX telemetry_alarms_by_node ON telemetry_alarms (node, seq);",
};
