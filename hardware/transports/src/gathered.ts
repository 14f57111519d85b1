import { reasonOf } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import type { Clock, Duration } from "@outrider/ports/time";

interface Reader<Q, A> {
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (reason: unknown) => void;
}

/** One exchange under way, and for whom. */
interface Exchange<Q, A> {
  readonly readers: Set<Reader<Q, A>>;
  readonly abandoned: AbortController;
}

/**
 * A device that is asked for many endpoints: what is asked in the same moment, or within the patience of all who ask, is
 * asked in one exchange. No answer is older than its question. An exchange for which nobody waits any more is given up.
 */
export class Gathered<Q, A> implements Disposable {
  #readers = new Set<Reader<Q, A>>();
  #due: NodeJS.Immediate | undefined;
  #patience: AbortController | undefined;
  readonly #exchanges = new Set<Exchange<Q, A>>();
  readonly #disposed = new AbortController();

  /**
   * @param what names the device
   * @param ask asks for all of them; has a deadline of its own
   */
  constructor(
    private readonly clock: Clock,
    private readonly what: string,
    private readonly ask: (questions: readonly Q[], signal: AbortSignal) => Promise<A>,
  ) {}

  /** @param patience how long the question may be kept back */
  read(question: Q, signal: AbortSignal, patience: Duration): Promise<A> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(reasonOf(signal, this.what));
      const abort = (): void => {
        this.#leave(reader);
        reject(reasonOf(signal, this.what));
      };
      const done = (): void => signal.removeEventListener("abort", abort);
      const reader: Reader<Q, A> = {
        question,
        resolve: (answer) => {
          done();
          resolve(answer);
        },
        reject: (reason) => {
          done();
          reject(reason);
        },
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#readers.add(reader);
      if (patience > 0) this.#askWithin(patience);
      else this.#due ??= setImmediate(() => this.#ask());
    });
  }

  /** Whoever still waits is told that the device is not used any more. */
  [Symbol.dispose](): void {
    const reason = new PortError("unreachable", `${this.what} is not used any more.`);
    this.#forget();
    for (const { reject } of this.#readers) reject(reason);
    this.#disposed.abort(reason);
  }

  #askWithin(patience: Duration): void {
    if (this.#patience) return;
    const patient = new AbortController();
    this.#patience = patient;
    this.clock.sleep(patience, patient.signal).then(
      () => this.#ask(),
      () => undefined,
    );
  }

  /** Asks for all who wait, the patient ones too. */
  #ask(): void {
    this.#forget();
    const exchange = { readers: this.#readers, abandoned: new AbortController() };
    this.#readers = new Set();
    this.#exchanges.add(exchange);
    const signal = AbortSignal.any([exchange.abandoned.signal, this.#disposed.signal]);
    const questions = [...exchange.readers].map(({ question }) => question);
    this.ask(questions, signal)
      .then(
        (answer) => {
          for (const { resolve } of exchange.readers) resolve(answer);
        },
        (error: unknown) => {
          for (const { reject } of exchange.readers) reject(error);
        },
      )
      .finally(() => this.#exchanges.delete(exchange));
  }

  #forget(): void {
    clearImmediate(this.#due);
    this.#due = undefined;
    this.#patience?.abort(ASKED);
    this.#patience = undefined;
  }

  #leave(reader: Reader<Q, A>): void {
    if (this.#readers.delete(reader) && this.#readers.size === 0) this.#forget();
    for (const { readers, abandoned } of this.#exchanges) {
      if (readers.delete(reader) && readers.size === 0) abandoned.abort(ABANDONED);
    }
  }
}

const ASKED = new Error("asked");
const ABANDONED = new Error("nobody waits any more");
