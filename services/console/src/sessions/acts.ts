import { milliseconds, type Clock } from "@outrider/contracts/clock";
import { SYSRQ_KEYS, type ConsolePolicy, type SysRqName } from "@outrider/contracts/console";
import { ActRefused } from "./act-refused.js";
import { BREAK_MS, readBreakSequence, type BreakStep } from "./break-sequence.js";
import type { FarEnd } from "./far-end.js";
import { lineText, readLineSettings } from "./line-settings.js";
import { spanText } from "./span-text.js";

/** The kernel takes the key after a break for five seconds; devices need a moment between the two. */
const AFTER_BREAK_MS = 100;
/** Between two SysRq keys: the kernel does the first meanwhile. */
const BETWEEN_KEYS_MS = 500;
/** How long DTR or RTS are turned over when nobody says otherwise. */
const PULSE_MS = 500;
const PASTE_PIECE_BYTES = 1024;

type Paces = Pick<ConsolePolicy, "pasteLineMs" | "pasteCharacterMs" | "breakSequences">;

/**
 * What is done to the machine at the far end beside typing. One after another. Each says what it did, as a sentence.
 * Throws ActRefused. A `turn` is aborted once whoever asked is not to go on: what is under way then ends at the next
 * place where it can, a line that was turned over is turned back, and a break has its SysRq key.
 */
export class Acts {
  #last: Promise<unknown> = Promise.resolve();
  #pasting: AbortController | undefined;

  constructor(
    private readonly far: FarEnd,
    private readonly clock: Clock,
    private readonly policy: () => Paces,
  ) {}

  get breakNames(): readonly string[] {
    return Object.keys(this.policy().breakSequences).toSorted();
  }

  /** Refuses what could not be done anyway, before it is written down that it will be. */
  check(what: "break" | "sysrq" | "line" | "purge" | "dtr" | "rts" | "paste", name?: string): void {
    const abilities = {
      break: "send a break",
      sysrq: "send a break, and so no SysRq",
      line: "change the settings of its line",
      purge: "throw away what it holds",
      dtr: "switch DTR",
      rts: "switch RTS",
    } as const;
    if (what === "break" && name !== undefined) this.#sequence(name);
    if (what === "paste") {
      if (this.far.refusal) throw this.far.refusal;
      if (this.#pasting) throw new ActRefused("busy", "something is being pasted; ^C stops it");
      return;
    }
    this.far.need(what === "sysrq" ? "break" : what, abilities[what]);
  }

  async break(name: string | undefined, ms = BREAK_MS, turn?: AbortSignal): Promise<string> {
    if (name === undefined) {
      await this.#inTurn(turn, () => this.far.request({ kind: "break", ms }, turn));
      return `a break of ${ms} ms was sent`;
    }
    const steps = this.#sequence(name);
    await this.#inTurn(turn, async () => {
      for (const step of steps) {
        goOn(turn);
        await this.#step(step, turn);
      }
    });
    return `the break sequence ${name} was sent`;
  }

  async sysrq(names: readonly SysRqName[], turn?: AbortSignal): Promise<string> {
    await this.#inTurn(turn, async () => {
      for (const [index, name] of names.entries()) {
        if (index > 0) await this.#pause(BETWEEN_KEYS_MS, turn);
        goOn(turn);
        // Not ended in the middle: the kernel would take for its key what the next one types.
        await this.far.alone(async (write) => {
          await this.far.request({ kind: "break", ms: BREAK_MS });
          await this.#pause(AFTER_BREAK_MS);
          await write(Buffer.from(SYSRQ_KEYS[name]));
        });
      }
    });
    return `SysRq ${names.join(", ")} was sent`;
  }

  /** Turns a line over for so long. The agent turns it back, whatever becomes of this. */
  async pulse(line: "dtr" | "rts", ms = PULSE_MS, turn?: AbortSignal): Promise<string> {
    await this.#inTurn(turn, () => this.far.request({ kind: "pulse", line, ms }, turn));
    return `${line.toUpperCase()} was turned over for ${ms} ms`;
  }

  async line(text: string, turn?: AbortSignal): Promise<string> {
    const { line: present, declaredLine } = this.far.condition ?? {};
    const settings = readLineSettings(text, present, declaredLine);
    await this.#inTurn(turn, () => this.far.request({ kind: "line", settings }));
    return `the line has ${lineText(settings)} now`;
  }

  /** The agent lets go of the device for so long. */
  async close(actor: string, ms: number, reason: string | undefined): Promise<string> {
    const why = reason === undefined ? {} : { reason };
    await this.far.lend({ kind: "close", ms, actor, ...why });
    return `the console is closed for ${spanText(ms)}; the agent has let go of its device`;
  }

  async open(): Promise<string> {
    await this.far.lend({ kind: "open" });
    return "the console is open again";
  }

  async control(
    lines: { readonly dtr?: boolean; readonly rts?: boolean },
    turn?: AbortSignal,
  ): Promise<string> {
    await this.#inTurn(turn, () => this.far.request({ kind: "control", ...lines }));
    return "the lines were set";
  }

  /** DTR and RTS are as the site declares them again. */
  async rest(): Promise<void> {
    await this.#inTurn(undefined, () => this.far.request({ kind: "rest" }));
  }

  async purge(what: "receive" | "transmit" | "both"): Promise<string> {
    // Not in turn: it may be what frees the device.
    await this.far.request({ kind: "purge", what });
    return "what the device held was thrown away";
  }

  /** Types a text at the pace of the policy, and never faster than the device takes it. */
  async paste(text: string, turn?: AbortSignal): Promise<string> {
    goOn(turn);
    // Another may have begun while this one was being written down.
    this.check("paste");
    const stopped = new AbortController();
    this.#pasting = stopped;
    const bytes = Buffer.from(text.replaceAll(/\r\n|\n/g, "\r"));
    const signal = turn ? AbortSignal.any([stopped.signal, turn]) : stopped.signal;
    try {
      await this.type(bytes, signal);
      return `${bytes.length} bytes were pasted`;
    } finally {
      if (this.#pasting === stopped) this.#pasting = undefined;
    }
  }

  /** Whether the site wants pasted text to be typed slowly. */
  get isPaced(): boolean {
    const { pasteLineMs, pasteCharacterMs } = this.policy();
    return pasteLineMs > 0 || pasteCharacterMs > 0;
  }

  /** Types bytes at the pace of the policy. */
  async type(bytes: Buffer, signal: AbortSignal): Promise<void> {
    const { pasteLineMs, pasteCharacterMs } = this.policy();
    try {
      for (const piece of pieces(bytes, pasteLineMs > 0, pasteCharacterMs > 0)) {
        signal.throwIfAborted();
        await this.far.write(piece, signal);
        const isLine = piece.at(-1) === 0x0d;
        const ms = isLine && pasteLineMs > 0 ? pasteLineMs : pasteCharacterMs;
        if (ms > 0) await this.clock.sleep(milliseconds(ms), signal);
      }
      signal.throwIfAborted();
    } catch (error) {
      if (!signal.aborted || error instanceof ActRefused) throw error;
      throw new ActRefused("aborted", "it was interrupted", { cause: error });
    }
  }

  /** Ends what is being pasted. @returns whether there was something */
  interruptPaste(): boolean {
    this.#pasting?.abort();
    return this.#pasting !== undefined;
  }

  async #step(step: BreakStep, turn: AbortSignal | undefined): Promise<void> {
    switch (step.kind) {
      case "break":
        return this.far.request({ kind: "break", ms: BREAK_MS }, turn);
      case "pause":
        return this.#pause(step.ms, turn);
      case "text":
        return this.far.write(step.bytes, turn);
    }
  }

  #sequence(name: string): BreakStep[] {
    const { breakSequences } = this.policy();
    const text = Object.hasOwn(breakSequences, name) ? breakSequences[name] : undefined;
    if (text === undefined) {
      const names = this.breakNames.length > 0 ? this.breakNames.join(", ") : "none";
      throw new ActRefused("not-found", `no break sequence is called ${name}; there are: ${names}`);
    }
    try {
      return readBreakSequence(text);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new ActRefused("invalid", `the break sequence ${name} is wrong: ${error.message}`);
    }
  }

  async #pause(ms: number, turn?: AbortSignal): Promise<void> {
    try {
      await this.clock.sleep(milliseconds(ms), turn);
    } catch (error) {
      goOn(turn);
      throw error;
    }
  }

  async #inTurn<T>(turn: AbortSignal | undefined, act: () => Promise<T>): Promise<T> {
    const run = (): Promise<T> => {
      goOn(turn);
      return act();
    };
    const mine = this.#last.then(run, run);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}

/** @throws ActRefused `aborted` */
function goOn(turn: AbortSignal | undefined): void {
  if (!turn?.aborted) return;
  throw new ActRefused("aborted", "it was ended there, because it is not your turn any more");
}

function* pieces(bytes: Buffer, byLine: boolean, byCharacter: boolean): Generator<Buffer> {
  let at = 0;
  while (at < bytes.length) {
    let end = Math.min(bytes.length, at + PASTE_PIECE_BYTES);
    if (byCharacter) end = at + 1;
    else if (byLine) {
      const line = bytes.indexOf(0x0d, at);
      if (line >= 0) end = Math.min(end, line + 1);
    }
    // A character of several bytes is not torn.
    while (end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80) end += 1;
    yield bytes.subarray(at, end);
    at = end;
  }
}
