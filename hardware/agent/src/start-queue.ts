import { milliseconds, type Clock } from "@outrider/contracts/clock";
import type { EndpointId } from "@outrider/contracts/ids";
import {
  START_PRIORITIES,
  type StartPriority,
  type StartVerdict,
  type StartWish,
} from "./start-plan.js";

/** The leave to switch one supply on. Who has it must come to {@link Start.over}, whatever happens. */
export interface Start {
  /** Whether it had to be waited for, so that what was read before may not be so any more. */
  readonly waited: boolean;
  /** The device has answered: the next start is spaced from here, because the edge is certainly behind us. */
  asked(): void;
  /**
   * The supply was seen on, or nobody looks any more. Again is no error.
   * @param begun false: certainly nothing was started
   */
  over(begun: boolean): void;
}

export type PassResult =
  | { readonly kind: "go"; readonly start: Start }
  /** There was no room in time, or there never can be: nothing was begun. */
  | { readonly kind: "no"; readonly detail: string };

/** One who waits for room in a domain. */
export interface Waiter {
  readonly wish: StartWish;
  /** Whether it gives up when there never can be room. */
  readonly bounded: boolean;
  readonly tell: ((detail: string) => void) | undefined;
  readonly promise: Promise<PassResult>;
  readonly resolve: (result: PassResult) => void;
  readonly reject: (reason: unknown) => void;
  /** Why it waits, as it was told. */
  told?: string;
  limit?: string;
}

export interface ServeOptions {
  readonly clock: Clock;
  readonly judge: (wish: StartWish) => StartVerdict;
  readonly grant: (wish: StartWish, waited: boolean) => PassResult;
}

/**
 * Those who wait for room in one domain, in order: what is owed, then commands, then policies; within these, whoever
 * came first. Nobody overtakes the first, so that a start that needs more room is not put off for ever.
 */
export class StartQueue {
  readonly #lanes: Record<StartPriority, Set<Waiter>> = {
    owed: new Set(),
    commanded: new Set(),
    restore: new Set(),
  };
  #timer: AbortController | undefined;
  #serving = false;

  get empty(): boolean {
    return START_PRIORITIES.every((lane) => this.#lanes[lane].size === 0);
  }

  add(waiter: Waiter): void {
    this.#lanes[waiter.wish.priority].add(waiter);
  }

  has(waiter: Waiter): boolean {
    return this.#lanes[waiter.wish.priority].has(waiter);
  }

  /** @returns whether it was there */
  remove(waiter: Waiter): boolean {
    return this.#lanes[waiter.wish.priority].delete(waiter);
  }

  waitsFor(endpoint: EndpointId): boolean {
    return [...this.#inOrder()].some(({ wish }) => wish.endpoint === endpoint);
  }

  /** Takes out whoever waits for an endpoint. */
  take(endpoint: EndpointId): Waiter[] {
    const taken = [...this.#inOrder()].filter(({ wish }) => wish.endpoint === endpoint);
    for (const waiter of taken) this.remove(waiter);
    return taken;
  }

  /** Grants what may be granted now, and looks again by itself when time alone makes room. */
  serve(options: ServeOptions): void {
    // Whoever is granted or told something may ask for the next thing at once.
    if (this.#serving) return;
    this.#serving = true;
    this.#timer?.abort(SERVED);
    this.#timer = undefined;
    try {
      while (this.#serveFirst(options));
    } finally {
      this.#serving = false;
    }
  }

  /** @returns whether somebody has left the queue, so that it is worth looking again */
  #serveFirst(options: ServeOptions): boolean {
    const { judge, grant } = options;
    for (const waiter of this.#inOrder()) {
      const verdict = judge(waiter.wish);
      switch (verdict.kind) {
        case "go":
          this.remove(waiter);
          waiter.resolve(grant(waiter.wish, waiter.told !== undefined));
          return true;
        case "wait":
          this.#blocked(verdict.limit, verdict.detail);
          if (verdict.untilMs !== undefined) this.#lookAgain(verdict.untilMs, options);
          return false;
        case "never":
          if (waiter.bounded) {
            this.remove(waiter);
            waiter.resolve({ kind: "no", detail: verdict.detail });
            return true;
          }
          // It waits for another configuration, and holds up nobody meanwhile.
          say(waiter, "never", verdict.detail);
          break;
        default:
          verdict satisfies never;
      }
    }
    return false;
  }

  #blocked(limit: string, detail: string): void {
    for (const waiter of this.#inOrder()) {
      if (waiter.limit !== "never") say(waiter, limit, detail);
    }
  }

  *#inOrder(): Iterable<Waiter> {
    for (const lane of START_PRIORITIES) yield* this.#lanes[lane];
  }

  #lookAgain(atMs: number, options: ServeOptions): void {
    const { clock } = options;
    const timer = new AbortController();
    this.#timer = timer;
    const span = milliseconds(Math.max(1, Math.ceil(atMs - clock.monotonicMs())));
    clock.sleep(span, timer.signal).then(
      () => this.serve(options),
      () => undefined,
    );
  }
}

const SERVED = new Error("served");

/** Each reason is told once: what changes all the time is the number of those who go first. */
function say(waiter: Waiter, limit: string, detail: string): void {
  if (waiter.limit === limit) return;
  waiter.limit = limit;
  waiter.told = detail;
  waiter.tell?.(detail);
}
