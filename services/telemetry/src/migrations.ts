import type { Migration } from "@outrider/storage/storage";
import { SPOOL_MIGRATION } from "./intake/remembered-spools.js";

/** The tables of the telemetry service, beside the store of what is measured. */
export const TELEMETRY_MIGRATIONS: readonly Migration[] = [SPOOL_MIGRATION];
