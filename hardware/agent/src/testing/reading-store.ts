import type {
  AgentReadings,
  DroppedReadings,
  EndpointReading,
} from "@outrider/contracts/reading-report";

/** What the telemetry service does with the batches of an agent, and nothing else: the order of numbers, and the ack. */
export class ReadingStore {
  /** In the order of their numbers, each once. */
  readonly readings: EndpointReading[] = [];
  readonly numbers: number[] = [];
  readonly dropped: DroppedReadings[] = [];
  /** What came before its turn: how things are now. */
  readonly live: EndpointReading[] = [];
  #spool: string | undefined;
  #expected = 0;

  /** @returns the number that is acknowledged */
  take({ spool, oldest = 1, seq, readings, dropped }: AgentReadings): number {
    if (spool !== this.#spool) this.#expected = 0;
    this.#spool = spool;
    this.#expected = Math.max(this.#expected, oldest);
    if (seq === this.#expected) {
      this.#expected += 1;
      this.numbers.push(seq);
      this.readings.push(...readings);
      if (dropped) this.dropped.push(dropped);
    } else if (seq > this.#expected) this.live.push(...readings);
    return this.#expected - 1;
  }
}
