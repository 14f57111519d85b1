import { seconds, type Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import { StoreError, type Point, type Store } from "../store/store.js";

/** Points that wait for the store. What is more is not taken: who sent it keeps it. */
const MOST_WAITING = 100_000;
/** Points that are written at once. */
const LARGEST_GROUP = 20_000;
const REST_AFTER_FAILURE = seconds(1);

interface Offer {
  readonly points: readonly Point[];
  /** @param kept false: none of them may be taken for kept */
  readonly done: (kept: boolean) => void;
}

/** Brings points to the store in groups, one after another and in order: the busier, the larger. */
export class PointWriter {
  readonly #stopped = new AbortController();
  #waiting: Offer[] = [];
  #count = 0;
  #rests = false;
  #running: Promise<void> | undefined;
  #written = 0;
  #dropped = 0;

  constructor(
    private readonly parts: {
      readonly store: Pick<Store, "write">;
      readonly clock: Clock;
      readonly log: Log;
      readonly defect: (error: unknown) => void;
    },
  ) {}

  /** Points that the store has taken. */
  get written(): number {
    return this.#written;
  }

  /** Points of {@link put} that could not be kept. */
  get dropped(): number {
    return this.#dropped;
  }

  get waiting(): number {
    return this.#count;
  }

  /** Whether the store takes nothing at the moment. */
  get rests(): boolean {
    return this.#rests;
  }

  /** @returns whether they are taken; `done` is called then, later. Where one group fails, all that waited fail. */
  offer(points: readonly Point[], done: (kept: boolean) => void): boolean {
    const { aborted } = this.#stopped.signal;
    if (aborted || this.#rests || (this.#count > 0 && this.#count + points.length > MOST_WAITING))
      return false;
    this.#waiting.push({ points, done });
    this.#count += points.length;
    this.#running ??= this.#run();
    return true;
  }

  /** Of what nobody else keeps: dropped and counted while the store takes nothing. */
  put(points: readonly Point[]): void {
    const drop = (): void => {
      this.#dropped += points.length;
    };
    if (points.length === 0) return;
    if (!this.offer(points, (kept) => (kept ? undefined : drop()))) drop();
  }

  /** Writes what waits, and takes nothing more. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    // Whatever else arrived in this turn goes with the first.
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) await this.#writeNext();
    } finally {
      // Here and not by whoever started it: what is offered a moment later would wait for somebody to offer more.
      this.#running = undefined;
    }
  }

  async #writeNext(): Promise<void> {
    const { store, clock, log, defect } = this.parts;
    const group = this.#nextGroup();
    const points = group.flatMap((one) => one.points);
    try {
      if (points.length > 0) await store.write(points);
    } catch (error) {
      const lost = [...group, ...this.#waiting];
      this.#waiting = [];
      this.#count = 0;
      this.#rests = true;
      for (const { done } of lost) done(false);
      if (!(error instanceof StoreError)) return defect(error);
      log.warn({ code: error.code, problem: error.message }, "readings are not taken for now");
      await clock.sleep(REST_AFTER_FAILURE, this.#stopped.signal).catch(() => undefined);
      this.#rests = false;
      return;
    }
    this.#count -= points.length;
    this.#written += points.length;
    for (const { done } of group) done(true);
  }

  #nextGroup(): Offer[] {
    let [count, at] = [0, 0];
    do {
      count += this.#waiting[at++]?.points.length ?? 0;
    } while (
      at < this.#waiting.length &&
      count + (this.#waiting[at]?.points.length ?? 0) <= LARGEST_GROUP
    );
    return this.#waiting.splice(0, at);
  }
}
