import type { SpoolRecord } from "./spool/record.js";
import type { RangeQuery, Series, StoreTraits, TextPoint, TextQuery } from "./store.js";

/** Records to be delivered at once. */
export interface Delivery {
  readonly records: readonly SpoolRecord[];
  readonly points: number;
}

/** A database on the network that takes line protocol. */
export interface Backend extends AsyncDisposable {
  readonly traits: StoreTraits;
  /** What a person has to know although values are delivered. */
  readonly notice: string | undefined;
  /**
   * Resolves when the database has all of it, or refused some of it for good.
   * @throws DeliveryError when it has to be delivered again
   */
  deliver(delivery: Delivery, signal: AbortSignal): Promise<Delivered>;
  /** How long after a delivery a kill of the database, or a loss of its power, may still undo it. */
  readonly settleMs: number;
  /** Something that is another one after each start of the database. Asked only where there is something to settle. */
  incarnation(signal: AbortSignal): Promise<string>;
  /** As of `Store`. */
  range(query: RangeQuery, signal: AbortSignal): Promise<readonly Series[]>;
  /** As of `Store`. */
  texts(query: TextQuery, signal: AbortSignal): Promise<readonly TextPoint[]>;
}

export interface Delivered {
  /** Points that it will never take, such as those older than it keeps any. */
  readonly refused: number;
  readonly why?: string;
}

/** A delivery failed and has to be tried again. The message says what to do. */
export class DeliveryError extends Error {
  override readonly name = "DeliveryError";
}
