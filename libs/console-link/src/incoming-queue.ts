import type { ConsoleLine } from "./console-line.js";
import type { ConsoleRequest } from "./console-stream.js";
import { LINK_ERROR_CODES, LinkError, type LinkErrorCode } from "./link-error.js";

interface Waiting {
  readonly id: number;
  readonly bytes: number;
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly purgeable: boolean;
  readonly aborted: AbortController;
}

export interface IncomingAnswers {
  /** A few bytes went to the device at once: its echo is what somebody waits for, not this. */
  taken(id: number): void;
  done(id: number): void;
  failed(id: number, code: LinkErrorCode, message: string): void;
}

/** What the service wants of one device: one thing at a time, in order, and no more than so much waiting. */
export class IncomingQueue {
  readonly #line: ConsoleLine;
  readonly #isBehind: () => boolean;
  readonly #answers: IncomingAnswers;
  #waiting: Waiting[] = [];
  #running: Waiting | undefined;
  #waitingBytes = 0;
  #over = false;

  /** @param isBehind whether what came may have been taken back already: then it waits for {@link goOn} */
  constructor(line: ConsoleLine, isBehind: () => boolean, answers: IncomingAnswers) {
    this.#line = line;
    this.#isBehind = isBehind;
    this.#answers = answers;
  }

  write(id: number, bytes: Buffer): void {
    if (this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) {
      this.#answers.failed(id, "busy", "the device has not yet taken what was sent before");
      return;
    }
    const taken = this.#now(id, bytes);
    if (taken === undefined) return;
    // The frame is a view of what the socket read.
    const own = Buffer.from(bytes.subarray(taken));
    this.#add(id, own.length, true, (signal) => this.#line.write(own, signal));
  }

  request(id: number, request: ConsoleRequest): void {
    const run = (signal: AbortSignal): Promise<void> => this.#line.request(request, signal);
    // What is thrown away must not be waited for.
    if (request.kind === "purge" && request.what !== "receive") this.#purge();
    if (this.#waiting.length >= MAX_WAITING) {
      this.#answers.failed(id, "busy", "the device has not yet done what was asked before");
      return;
    }
    this.#add(id, 0, false, run);
  }

  /** Nobody waits for it any more: it is not begun, or interrupted. */
  cancel(id: number): void {
    if (this.#running?.id === id) this.#running.aborted.abort(new Error("nobody waits for it"));
    const at = this.#waiting.findIndex((one) => one.id === id);
    const [dropped] = at < 0 ? [] : this.#waiting.splice(at, 1);
    if (dropped) this.#waitingBytes -= dropped.bytes;
  }

  /** What is still wanted is begun. */
  goOn(): void {
    this.#next();
  }

  /** The link is gone: nothing is kept for later. */
  stop(): void {
    this.#over = true;
    this.#waiting = [];
    this.#running?.aborted.abort(new Error("the link is gone"));
  }

  /** A key goes to the device before anything is made to wait for it. @returns how much went; undefined: it is answered */
  #now(id: number, bytes: Buffer): number | undefined {
    if (this.#running || this.#waiting.length > 0 || this.#isBehind() || this.#over) return 0;
    try {
      const taken = this.#line.writeNow?.(bytes) ?? 0;
      if (taken < bytes.length) return taken;
      this.#answers.taken(id);
    } catch (error) {
      const { code, message } = failureOf(error);
      this.#answers.failed(id, code, message);
    }
    return undefined;
  }

  #purge(): void {
    const kept: Waiting[] = [];
    for (const one of this.#waiting) {
      if (!one.purgeable) kept.push(one);
      else {
        this.#waitingBytes -= one.bytes;
        this.#answers.failed(one.id, "purged", PURGED);
      }
    }
    this.#waiting = kept;
    if (this.#running?.purgeable) {
      this.#running.aborted.abort(new LinkError("purged", PURGED));
    }
  }

  #add(id: number, bytes: number, purgeable: boolean, run: Waiting["run"]): void {
    this.#waiting.push({ id, bytes, run, purgeable, aborted: new AbortController() });
    this.#waitingBytes += bytes;
    this.#next();
  }

  #next(): void {
    if (this.#running || this.#waiting.length === 0) return;
    // Asking it may end the link.
    if (this.#isBehind() || this.#over) return;
    const one = this.#waiting.shift();
    if (!one) return;
    this.#running = one;
    const over = (say: () => void): void => {
      this.#running = undefined;
      this.#waitingBytes -= one.bytes;
      if (!this.#over) say();
      this.#next();
    };
    // A line that throws at once is no different from one that rejects.
    const run = async (): Promise<void> => one.run(one.aborted.signal);
    run().then(
      () => over(() => this.#answers.done(one.id)),
      (error: unknown) => {
        const { code, message } = failureOf(error);
        over(() => this.#answers.failed(one.id, code, message));
      },
    );
  }
}

const MAX_WAITING_BYTES = 262_144;
const MAX_WAITING = 4096;
const PURGED = "a purge threw it away";

function failureOf(error: unknown): { code: LinkErrorCode; message: string } {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return {
    code: LINK_ERROR_CODES.find((one) => one === code) ?? "failed",
    message: typeof message === "string" ? message.slice(0, 500) : "the device failed",
  };
}
