/** What was measured or seen of one thing at one moment. */
export interface Point {
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Milliseconds since 1970 UTC. */
  readonly atMs: number;
  /** All numbers; what is not finite is refused. */
  readonly fields: Readonly<Record<string, number>>;
  /** A message for people; kept as the field `message` where the store keeps texts. */
  readonly text?: string;
}

/** Asks for numbers of a span of time. */
export interface RangeQuery {
  readonly measurement: string;
  /** Of each tag named here, the values that are wanted; no such tag: all. */
  readonly tags?: Readonly<Record<string, readonly string[]>>;
  readonly fields?: readonly string[];
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  /**
   * Length of a bucket; 0: every point by itself. Buckets begin at multiples of it since 1970, and are always whole:
   * `fromMs` is taken down and `toMs` up to the next multiple. Below a minute, or no multiple of one, it is made from
   * raw points, which are kept for a shorter time.
   */
  readonly everyMs: number;
  /** The most buckets in all series together. Default {@link BUCKET_LIMIT}. */
  readonly limit?: number;
}

/** What was measured within a span. A point by itself is a bucket with a count of 1. */
export interface Bucket {
  /** Its beginning. */
  readonly atMs: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  /** The value that is latest in time. */
  readonly last: number;
  readonly count: number;
}

export interface Series {
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly field: string;
  /** In the order of time; a span without points has none. */
  readonly buckets: readonly Bucket[];
}

/** Asks for texts of a span of time. */
export interface TextQuery {
  readonly measurement: string;
  readonly tags?: Readonly<Record<string, readonly string[]>>;
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  readonly limit: number;
}

export interface TextPoint {
  readonly atMs: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface StoreHealth {
  readonly state: "ok" | "degraded";
  /** What a person has to know or do; there when the state is degraded. */
  readonly detail?: string;
  /** Kept here, and not yet in the database. */
  readonly spooledPoints: number;
  readonly spooledBytes: number;
  /** Lost: the spool was full, the database refused them for good, or they came when nobody could tell any more whether they are there. */
  readonly droppedPoints: number;
  /** Of those, how many came when nobody could tell any more whether they are there; missing: none. */
  readonly latePoints?: number;
  /** Never kept, because they were no valid points or of a series beyond the limit. */
  readonly refusedPoints: number;
  /** Series that were written in the last day: those that hold a place. */
  readonly series: number;
}

/** What a store cannot do that another one can: data, so that tests and pages say it instead of skipping in silence. */
export interface StoreTraits {
  readonly kind: "embedded" | "influx" | "influx-compatible" | "victoria";
  /** Whether {@link Store.texts} finds anything. */
  readonly keepsTexts: boolean;
  /** Whether a point that is written again with another value takes the place of the first. */
  readonly lastWriteWins: boolean;
  /** Whether minutes and hours outlast raw points. */
  readonly rollsUp: boolean;
}

/** Where measured values are kept. All methods may be called at once from anywhere in the process. */
export interface Store extends AsyncDisposable {
  readonly traits: StoreTraits;
  /**
   * Resolves when the points are kept so that they survive a kill of this process (in the database or the spool). A
   * point with the same series and time as an earlier one takes its place. Points that are not valid, or of a series
   * beyond the limit, are counted and left out; the others are kept.
   * @throws StoreError `full` · `refused`: none of them may be taken for kept
   */
  write(points: readonly Point[]): Promise<void>;
  /** Series in the order of their names. @throws StoreError `unavailable` · `too-much`, or the signal's reason */
  range(query: RangeQuery, signal: AbortSignal): Promise<readonly Series[]>;
  /** Newest first. @throws StoreError `unavailable`, or the signal's reason */
  texts(query: TextQuery, signal: AbortSignal): Promise<readonly TextPoint[]>;
  health(): StoreHealth;
}

/** Buckets that one query may give unless it says otherwise. */
export const BUCKET_LIMIT = 500_000;
/** Points that one call may write. */
export const WRITE_LIMIT = 100_000;
/** Length of names and of values of tags. */
export const NAME_LIMIT = 256;

/**
 * - `full`: nothing more can be kept now (disk, or the bound of the spool). Keep it, and write it again later.
 * - `refused`: the call is wrong (too many points at once), or the store is closed. Do not write it again.
 * - `unavailable`: the database does not answer, or not as it should. Ask again later.
 * - `too-much`: the answer would be longer than its limit. Ask for less, or with `everyMs` of this error.
 */
export type StoreErrorCode = "full" | "refused" | "unavailable" | "too-much";

export class StoreError extends Error {
  override readonly name = "StoreError";
  /** With `too-much`: the shortest bucket that fits, if there is one. */
  readonly everyMs: number | undefined;

  constructor(
    readonly code: StoreErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly everyMs?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.everyMs = options.everyMs;
  }
}
