import type { ConsoleSpool, ConsoleSpools } from "../console-line.js";

/** A spool that only tells what it was given; for tests of who writes into one. */
export class MemorySpool implements ConsoleSpool {
  readonly written: unknown[] = [];
  readonly stream = "memory";
  readonly first = 0;
  readonly next = 0;
  readonly began = 0;
  readonly lastMicros = undefined;
  problem: string | undefined;
  closed = false;
  #told: (() => void) | undefined;

  append(bytes: Uint8Array): void {
    this.written.push(Buffer.from(bytes).toString("latin1"));
  }

  gap(gap: Parameters<ConsoleSpool["gap"]>[0]): void {
    this.written.push(gap);
  }

  break(): void {
    this.written.push("<break>");
  }

  fail(problem: string): void {
    this.problem = problem;
    this.#told?.();
  }

  onProblem(callback: () => void): Disposable {
    this.#told = callback;
    return { [Symbol.dispose]: () => {} };
  }

  async read(): Promise<[]> {
    return [];
  }

  acknowledge(): void {}

  onAppended(): Disposable {
    return { [Symbol.dispose]: () => {} };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
  }
}

/** Makes them, and keeps them by endpoint. */
export class MemorySpools implements Pick<ConsoleSpools, "open" | "nowMicros"> {
  readonly spools = new Map<string, MemorySpool>();
  micros = 1000;

  async open(endpoint: string): Promise<MemorySpool> {
    const spool = new MemorySpool();
    this.spools.set(endpoint, spool);
    return spool;
  }

  nowMicros(): number {
    return this.micros;
  }
}
