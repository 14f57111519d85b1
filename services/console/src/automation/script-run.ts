import { milliseconds, type Clock } from "@outrider/contracts/clock";
import type { ScriptRun as RunState } from "@outrider/contracts/console-operations";
import type { ConsoleAsk } from "@outrider/contracts/console-attach";
import { ActRefused } from "../sessions/act-refused.js";
import { seemly } from "../sessions/seemly.js";
import { fillIn, type ScriptEnd, type ScriptPattern, type ScriptStep } from "./script-parser.js";
import { ScriptLines, type ScriptFind } from "./script-lines.js";
import { ScriptTranscript } from "./script-transcript.js";

/** The console as a script has it. */
export interface ScriptSeat {
  /** Resolves when the machine has taken it. @throws ActRefused */
  readonly type: (bytes: Buffer, signal: AbortSignal) => Promise<void>;
  /** @throws ActRefused */
  readonly ask: (ask: ConsoleAsk) => Promise<string>;
}

/** How a script ended. */
export class ScriptEnded extends Error {
  override readonly name = "ScriptEnded";
  constructor(
    readonly state: Exclude<RunState["state"], "running">,
    readonly detail: string | undefined,
  ) {
    super(detail ?? state);
  }
}

/** One run of a script at a console. */
export class ScriptRunner {
  readonly transcript = new ScriptTranscript();
  /** The line that runs. */
  line = 0;
  readonly #lines = new ScriptLines((text, ended) => this.#heard(text, ended));
  readonly #watches: { readonly pattern: ScriptPattern; readonly outcome: ScriptEnd }[] = [];
  readonly #captured = new Map<string, string>();
  readonly #end = new AbortController();
  readonly #beganMs: number;

  constructor(
    private readonly steps: readonly ScriptStep[],
    private readonly seat: ScriptSeat,
    private readonly clock: Clock,
  ) {
    this.#beganMs = clock.monotonicMs();
  }

  bytes(chunk: Uint8Array): void {
    this.#lines.feed(chunk);
  }

  /** Ends it from outside. */
  end(state: ScriptEnded["state"], detail?: string): void {
    this.#end.abort(new ScriptEnded(state, detail));
  }

  /** Runs all steps. Resolves with how it ended. */
  async run(deadlineMs: number): Promise<ScriptEnded> {
    const done = new AbortController();
    void this.clock.sleep(milliseconds(deadlineMs), done.signal).then(
      () => this.end("timed-out", `line ${this.line}: the deadline of the script has passed`),
      () => undefined,
    );
    try {
      for (const step of this.steps) {
        this.line = step.line;
        this.#end.signal.throwIfAborted();
        await this.#step(step);
      }
      return this.#ended(new ScriptEnded("succeeded", undefined));
    } catch (error) {
      const { reason } = this.#end.signal as { readonly reason: unknown };
      if (reason instanceof ScriptEnded) return this.#ended(reason);
      if (error instanceof ScriptEnded) return this.#ended(error);
      if (!(error instanceof ActRefused)) throw error;
      return this.#ended(new ScriptEnded("failed", `line ${this.line}: ${error.message}`));
    } finally {
      done.abort();
    }
  }

  #ended(end: ScriptEnded): ScriptEnded {
    if (this.#lines.droppedLines > 0) {
      this.#note(
        `! ${this.#lines.droppedLines} lines came that no step was waiting for and were not kept`,
      );
    }
    this.#note(`= ${end.state}${end.detail === undefined ? "" : `: ${seemly(end.detail, 1000)}`}`);
    return end;
  }

  async #step(step: ScriptStep): Promise<void> {
    const { signal } = this.#end;
    switch (step.kind) {
      case "expect":
        await this.#expect(step);
        return;
      case "capture": {
        const { line, from, to } = await this.#expect(step);
        this.#captured.set(step.name, line.slice(from, to));
        return this.#note(`* $${step.name} is ${JSON.stringify(line.slice(from, to))}`);
      }
      case "send": {
        const text = fillIn(step.text, this.#captured);
        this.#note(`> ${JSON.stringify(text)}`);
        return this.seat.type(Buffer.from(text), signal);
      }
      case "break":
        return this.#ask({ ask: "break", ...(step.name === undefined ? {} : { name: step.name }) });
      case "sysrq":
        return this.#ask({ ask: "sysrq", keys: [...step.keys] });
      case "pulse":
        return this.#ask({
          ask: "pulse",
          line: step.wire,
          ...(step.ms === undefined ? {} : { ms: step.ms }),
        });
      case "sleep":
        return this.clock.sleep(milliseconds(step.ms), signal);
      case "on":
        this.#watches.push(step);
        return;
      case "end":
        throw endOf(step.end, `line ${step.line}`);
    }
  }

  async #expect(step: ScriptStep & { readonly kind: "expect" | "capture" }): Promise<ScriptFind> {
    const { pattern, withinMs, line } = step;
    const over = new AbortController();
    const signal = AbortSignal.any([this.#end.signal, over.signal]);
    const aborted = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => aborted.reject(signal.reason as Error), { once: true });
    if (withinMs !== undefined) {
      const late = `line ${line}: ${pattern.source} did not come within ${withinMs / 1000} s`;
      void this.clock.sleep(milliseconds(withinMs), signal).then(
        () => over.abort(new ScriptEnded("failed", late)),
        () => undefined,
      );
    }
    aborted.promise.catch(() => undefined);
    try {
      const found = await Promise.race([this.#lines.find(pattern), aborted.promise]);
      this.#note(
        `* ${pattern.source} fits ${JSON.stringify(found.line.slice(found.from, found.to))}`,
      );
      return found;
    } finally {
      over.abort();
    }
  }

  async #ask(ask: ConsoleAsk): Promise<void> {
    this.#note(`! ${await this.seat.ask(ask)}`);
  }

  #heard(text: string, ended: boolean): void {
    if (ended) this.#note(`< ${text}`);
    for (const { pattern, outcome } of this.#watches) {
      if (pattern.query.find(text)) {
        const end = endOf(outcome, `${pattern.source} has come`);
        this.end(end.state, end.detail);
      }
    }
  }

  #note(text: string): void {
    this.transcript.add(this.clock.monotonicMs() - this.#beganMs, text);
  }
}

function endOf({ state, text }: ScriptEnd, where: string): ScriptEnded {
  return new ScriptEnded(state, text === undefined ? where : `${where}: ${text}`);
}
