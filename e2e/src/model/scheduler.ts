import type { CrashPoint } from "./script.js";

/** A process of the model. What it was doing ends with it. */
export interface Process {
  readonly name: string;
  alive: boolean;
}

/** What a process does next: it waits, or passes a point at which it may end. */
export type Wait = { readonly sleepMs: number } | { readonly point: string };
export type Steps<T = void> = Generator<Wait, T, void>;

export function* sleep(sleepMs: number): Steps {
  yield { sleepMs };
}

export function* point(name: string): Steps {
  yield { point: name };
}

interface Due {
  readonly atMs: number;
  readonly number: number;
  readonly run: () => void;
}

/** Virtual time: one thing after another, the same every time. */
export class Scheduler {
  nowMs = 0;
  readonly trace: string[] = [];
  /** Is asked at every point; ends the victim itself. */
  onPoint: (crash: CrashPoint) => void = () => {};
  readonly #heap: Due[] = [];
  readonly #passages = new Map<string, number>();
  #number = 0;
  #random: number;
  #crashPoints: readonly CrashPoint[];

  constructor(seed: number, crashPoints: readonly CrashPoint[]) {
    this.#random = seed;
    this.#crashPoints = crashPoints;
  }

  note(text: string): void {
    this.trace.push(`${Math.round(this.nowMs).toString().padStart(7)} ${text}`);
  }

  /** At least 0, less than 1; mulberry32. */
  random(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let t = this.#random;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  between(low: number, high: number): number {
    return low + this.random() * (high - low);
  }

  at(atMs: number, run: () => void): void {
    const due = { atMs: Math.max(atMs, this.nowMs), number: this.#number++, run };
    const heap = this.#heap;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const above = heap[up];
      if (!above || !isBefore(due, above)) break;
      heap[at] = above;
      at = up;
    }
    heap[at] = due;
  }

  after(spanMs: number, run: () => void): void {
    this.at(this.nowMs + spanMs, run);
  }

  /** Runs until nothing is due before `untilMs`, or `enough` says so. */
  run(untilMs: number, enough: () => boolean = () => false): void {
    for (let due = this.#pop(untilMs); due; due = this.#pop(untilMs)) {
      this.nowMs = due.atMs;
      due.run();
      if (enough()) return;
    }
    this.nowMs = untilMs;
  }

  /** Lets a process do something, for as long as it lives. */
  spawn(process: Process, steps: Steps, ended: () => void = () => {}): void {
    const resume = (): void => {
      while (process.alive) {
        const { done, value } = steps.next();
        if (done) return ended();
        if ("sleepMs" in value) return this.after(value.sleepMs, resume);
        this.#pass(value.point);
      }
    };
    resume();
  }

  /** From now on nothing crashes any more. */
  heal(): void {
    this.#crashPoints = [];
  }

  #pass(name: string): void {
    const passage = (this.#passages.get(name) ?? 0) + 1;
    this.#passages.set(name, passage);
    for (const crash of this.#crashPoints) {
      if (crash.point === name && crash.passage === passage) this.onPoint(crash);
    }
  }

  #pop(untilMs: number): Due | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (!first || first.atMs > untilMs) return undefined;
    const last = heap.pop();
    if (heap.length > 0 && last) this.#sink(last);
    return first;
  }

  #sink(due: Due): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      let below = heap[down];
      if (!below) break;
      const other = heap[down + 1];
      if (other && isBefore(other, below)) {
        down += 1;
        below = other;
      }
      if (!isBefore(below, due)) break;
      heap[at] = below;
      at = down;
    }
    heap[at] = due;
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.number < other.number);
}
