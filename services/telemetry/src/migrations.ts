import type { Migration } from "@outrider/storage/storage";
import { ALARM_INDEX_MIGRATION, ALARM_MIGRATION } from "./alarms/alarm-migrations.js";
import { SPOOL_MIGRATION } from "./intake/remembered-spools.js";

/** The tables of the telemetry service, beside the store of what is measured. */
export const TELEMETRY_MIGRATIONS: readonly Migration[] = [
  SPOOL_MIGRATION,
  ALARM_MIGRATION,
  ALARM_INDEX_MIGRATION,
];
