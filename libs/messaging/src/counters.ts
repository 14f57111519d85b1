/** What a session has counted since it was made. */
export interface Counters {
  /** Payloads that did not fit their contract. */
  refused: number;
  received: number;
  /** Messages that the broker acknowledged, or the socket took. */
  published: number;
  /** Connections after the first. */
  reconnects: number;
  /** Messages dropped because they had been published with the retain flag. */
  retainedDropped: number;
}

export function newCounters(): Counters {
  return { refused: 0, received: 0, published: 0, reconnects: 0, retainedDropped: 0 };
}
