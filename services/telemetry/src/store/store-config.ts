import { hours, type Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";

/** How long values are kept, by how finely. */
export interface Retention {
  readonly rawMs: number;
  /** One value a minute. */
  readonly minutesMs: number;
  /** One value an hour. */
  readonly hoursMs: number;
}

export interface StoreConfig {
  /**
   * Of a database: `http://user:password@host:8086/database`. InfluxDB and VictoriaMetrics are told apart by asking;
   * `influx+http:`, `influx2+http:` and `victoria+http:` (or `…+https:`) say it. Undefined: the embedded store.
   */
  readonly url?: string | undefined;
  /** Own folder: the embedded database, or the spool in front of the other one. Made when it is not there. */
  readonly directory: string;
  /** Series that may be written within a day. Default {@link DEFAULT_SERIES}. */
  readonly maximumSeries?: number | undefined;
  /** Of the spool. Default 512 MiB. */
  readonly spoolBytes?: number | undefined;
  /** What a full spool does. Default `refuse`: whoever writes keeps it, and tries again. */
  readonly whenFull?: "refuse" | "drop-oldest";
  /** Of the embedded database. Default 4 GiB. */
  readonly embeddedBytes?: number | undefined;
  /** Default {@link EMBEDDED_RETENTION} or {@link DATABASE_RETENTION}. */
  readonly retention?: Partial<Retention> | undefined;
}

export interface StoreDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** Ten thousand nodes with fifty each. A series takes some 200 bytes of memory, in the embedded store twice that. */
export const DEFAULT_SERIES = 500_000;
export const DEFAULT_SPOOL_BYTES = 512 * 1024 * 1024;
export const DEFAULT_EMBEDDED_BYTES = 4 * 1024 * 1024 * 1024;

export const EMBEDDED_RETENTION: Retention = {
  rawMs: hours(24),
  minutesMs: hours(24 * 31),
  hoursMs: hours(24 * 731),
};

export const DATABASE_RETENTION: Retention = {
  rawMs: hours(24 * 14),
  minutesMs: hours(24 * 183),
  hoursMs: hours(24 * 365 * 5),
};
