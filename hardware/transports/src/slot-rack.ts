import { reasonOf } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import { milliseconds, seconds, type Clock, type Duration } from "@outrider/ports/time";
import { HttpClient, type HttpAddress, type HttpAnswer } from "./http.js";
import { retrying } from "./retrying.js";
import { readEdges, readReadings, readSlot, type Slot } from "./slot-answers.js";

export interface SlotRackOptions {
  readonly address: HttpAddress;
  /** What the device is, for messages: "The rack". */
  readonly name: string;
  readonly clock: Clock;
}

const READ_DEADLINE = seconds(5);
const WATCH_WAIT_MS = 10_000;
const SHORTEST_WAIT_MS = 250;
/** Over the wait that was asked for: a device that does not even end it is silent. */
const WATCH_DEADLINE = milliseconds(WATCH_WAIT_MS + 5000);
/** The first question of a watch is answered with the device's whole memory of edges. */
const HISTORY_MAX_BYTES = 33_554_432;
const READINGS_MAX_BYTES = 8_388_608;
/** Longer lists of slots are not worth their bytes: all are asked for. */
const LONGEST_QUERY = 2000;

interface Reader {
  readonly slot: number;
  readonly signal: AbortSignal;
  readonly resolve: (slot: Slot) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * A device of many slots, shared by all who read it: what is asked for in the same moment is one question, and one
 * watch listens for all. What is read is never older than its question.
 */
export class SlotRack implements Disposable {
  readonly http: HttpClient;
  #readers: Reader[] = [];
  #due: NodeJS.Immediate | undefined;
  #patience: AbortController | undefined;
  /** Devices that know no question about many slots are asked for each. */
  #asksForMany = true;
  readonly #watchers = new Map<number, Set<() => void>>();
  #watch: Disposable | undefined;
  /** Whether the watch hears the device now. */
  #hearing = false;
  /** Up to which edge the last reading of a slot has seen it. */
  readonly #read = new Map<number, number>();
  readonly #disposed = new AbortController();

  constructor(private readonly options: SlotRackOptions) {
    this.http = new HttpClient(options);
  }

  /** @param patience how long the question may be kept back, to be asked together with others */
  read(slot: number, signal: AbortSignal, patience: Duration): Promise<Slot> {
    return new Promise<Slot>((resolve, reject) => {
      if (signal.aborted) return reject(reasonOf(signal, this.http.what));
      const abort = (): void => {
        this.#readers = this.#readers.filter((one) => one !== reader);
        reject(reasonOf(signal, `${this.http.what}, slot ${slot}`));
      };
      const done = (): void => signal.removeEventListener("abort", abort);
      const reader: Reader = {
        slot,
        signal,
        resolve: (read) => {
          done();
          resolve(read);
        },
        reject: (reason) => {
          done();
          reject(reason);
        },
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#readers.push(reader);
      if (patience > 0) this.#askWithin(patience);
      else this.#due ??= setImmediate(() => this.#ask());
    });
  }

  /** As `PowerPort.watch`. What a reading has seen already is not called back. */
  watch(slot: number, changed: () => void): Disposable {
    const watchers = this.#watchers.get(slot) ?? new Set();
    this.#watchers.set(slot, watchers.add(changed));
    this.#watch ??= this.#listen();
    // Whoever comes later would otherwise not be told that the device is heard.
    if (this.#hearing) queueMicrotask(() => watchers.has(changed) && changed());
    return {
      [Symbol.dispose]: () => {
        watchers.delete(changed);
        if (watchers.size === 0) this.#watchers.delete(slot);
        if (this.#watchers.size > 0) return;
        this.#watch?.[Symbol.dispose]();
        this.#watch = undefined;
        this.#hearing = false;
      },
    };
  }

  [Symbol.dispose](): void {
    this.#disposed.abort(new PortError("unreachable", `${this.http.what} is not used any more.`));
    clearImmediate(this.#due);
    this.#patience?.abort(ASKED);
    this.#watch?.[Symbol.dispose]();
    this.http[Symbol.dispose]();
  }

  #askWithin(patience: Duration): void {
    if (this.#patience) return;
    const patient = new AbortController();
    this.#patience = patient;
    this.options.clock.sleep(patience, patient.signal).then(
      () => this.#ask(),
      () => undefined,
    );
  }

  /** Asks for all who wait, the patient ones too. */
  #ask(): void {
    clearImmediate(this.#due);
    this.#due = undefined;
    this.#patience?.abort(ASKED);
    this.#patience = undefined;
    const readers = this.#readers.splice(0);
    const slots = new Set(readers.map(({ slot }) => slot));
    const asked =
      slots.size > 1 && this.#asksForMany ? this.#askMany(slots, readers) : this.#askEach(readers);
    asked.catch((error: unknown) => {
      for (const { reject } of readers) reject(error);
    });
  }

  async #askMany(slots: ReadonlySet<number>, readers: readonly Reader[]): Promise<void> {
    const query = `?slots=${folded(slots)}`;
    const answer = await this.#get(
      `/readings${query.length > LONGEST_QUERY ? "" : query}`,
      this.#disposed.signal,
      READINGS_MAX_BYTES,
    );
    if (answer.status === 404) {
      this.#asksForMany = false;
      return this.#askEach(readers);
    }
    const readings = readReadings(answer, this.http.what);
    const rest = readers.filter(({ slot, resolve }) => {
      const reading = readings.get(slot);
      if (reading) resolve(this.#seen(slot, reading));
      return reading === undefined;
    });
    // What is left out does not answer, or is not there: asked by itself it says so.
    await this.#askEach(rest);
  }

  async #askEach(readers: readonly Reader[]): Promise<void> {
    await Promise.all(
      readers.map(async ({ slot, signal, resolve, reject }) => {
        try {
          const answer = await this.#get(`/slots/${slot}`, signal);
          resolve(this.#seen(slot, readSlot(answer, `${this.http.what}, slot ${slot}`)));
        } catch (error) {
          reject(error);
        }
      }),
    );
  }

  #get(path: string, signal: AbortSignal, maxBytes?: number): Promise<HttpAnswer> {
    return this.http.request(
      {
        method: "GET",
        path,
        deadline: READ_DEADLINE,
        ...(maxBytes === undefined ? {} : { maxBytes }),
      },
      signal,
    );
  }

  #seen(slot: number, reading: Slot & { readonly seq?: number }): Slot {
    if (reading.seq !== undefined) this.#read.set(slot, reading.seq);
    return reading;
  }

  #listen(): Disposable {
    const { clock } = this.options;
    const all = (): void => this.#tell(this.#watchers.keys());
    return retrying(clock, all, async (heard, signal) => {
      let since = 0;
      try {
        for (let first = true; ; first = false) {
          const startedMs = clock.monotonicMs();
          const answer = await this.http.request(
            {
              method: "GET",
              path: `/edges?since=${since}&waitMs=${first ? 0 : WATCH_WAIT_MS}`,
              deadline: first ? READ_DEADLINE : WATCH_DEADLINE,
              maxBytes: HISTORY_MAX_BYTES,
            },
            signal,
          );
          const edges = readEdges(answer, this.http.what);
          since = edges.at(-1)?.seq ?? since;
          if (first) {
            this.#hearing = true;
            heard();
          } else if (edges.length > 0) {
            const newest = new Map(edges.map(({ slot, seq }) => [slot, seq]));
            // A command that reads back what it has done is just about to.
            setImmediate(() => this.#tell(this.#unread(newest)));
          } else if (clock.monotonicMs() - startedMs < SHORTEST_WAIT_MS) {
            // A device that does not wait as it was asked to is not asked without pause.
            await clock.sleep(milliseconds(SHORTEST_WAIT_MS), signal);
          }
        }
      } finally {
        this.#hearing = false;
      }
    });
  }

  #unread(newest: ReadonlyMap<number | undefined, number>): Iterable<number> {
    // A device that does not say which slot it was means any.
    if (newest.has(undefined)) return this.#watchers.keys();
    return [...newest].flatMap(([slot, seq]) =>
      slot === undefined || (this.#read.get(slot) ?? 0) >= seq ? [] : [slot],
    );
  }

  #tell(slots: Iterable<number>): void {
    const called = Array.from(slots, (slot) => [...(this.#watchers.get(slot) ?? [])]);
    for (const changed of called.flat()) changed();
  }
}

const ASKED = new Error("asked");

/** `1-3,7`. */
function folded(slots: ReadonlySet<number>): string {
  const ranges: [number, number][] = [];
  for (const slot of [...slots].toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && last[1] === slot - 1) last[1] = slot;
    else ranges.push([slot, slot]);
  }
  return ranges.map(([from, to]) => (from === to ? from : `${from}-${to}`)).join(",");
}
