import type { Clock } from "@outrider/contracts/clock";
import type { AttachMode, ConsoleAsk, ConsoleTold } from "@outrider/contracts/console-attach";
import { TerminalModes } from "@outrider/contracts/terminal-modes";
import {
  AttachRefused,
  type Attachment,
  type ConsoleDoor,
  type Viewer,
  type Visitor,
} from "./attachment.js";
import { choose, menuLines, type MenuEntry } from "./console-menu.js";
import { EscapeKeys } from "./escape-keys.js";
import { LinePrompt } from "./line-prompt.js";
import { seemly } from "./seemly.js";
import { sessionLine } from "./session-line.js";
import { command } from "./text-commands.js";

/** Where a text session shows itself: a terminal at the far end of a telnet, SSH or WebSocket connection. */
export interface TextOutput {
  /** @returns whether more may come at once */
  write(bytes: Uint8Array): boolean;
  /** Calls back, once, when more may come after `write` has returned false. */
  onDrain(callback: () => void): void;
  /** It is over, and why: a sentence for the person (which was already written) and a code for programs. Called once. */
  end(reason: string, code: string): void;
}

export interface TextSessionOptions {
  readonly door: ConsoleDoor;
  /** Undefined: a menu of the consoles that the visitor may see. */
  readonly node: string | undefined;
  readonly visitor: Visitor;
  readonly mode: AttachMode;
  /** Fits REPLAY_PATTERN. */
  readonly replay: string;
  /** Fits ESCAPE_PATTERN; `none`: nothing is interpreted. Conserver's is `^Ec`. */
  readonly escape: string;
  readonly output: TextOutput;
  readonly clock: Clock;
}

/**
 * One person at a terminal, at one console: what ssh, telnet and the command line share. Interprets the escape, shows
 * what is told as `[outrider: …]` lines, and hands everything else through.
 *
 * Begins at once; what goes wrong is written to the terminal and ends it.
 */
export class TextSession {
  readonly #options: TextSessionOptions;
  readonly #keys: EscapeKeys;
  #attachment: Attachment | undefined;
  #attaching: Promise<void> = Promise.resolve();
  #closed = false;
  readonly #modes = new TerminalModes();
  #prompt: Question | undefined;
  /** What is said once the screen was drawn, which wipes what stood there. */
  #greeting: string | undefined;
  /** What stands in the menu, which its numbers count in. */
  #listed: readonly MenuEntry[] = [];
  /** Whether the cursor stands at the beginning of a line, as far as is known. */
  #atLineStart = true;

  constructor(options: TextSessionOptions) {
    this.#options = options;
    this.#keys = new EscapeKeys(options.escape);
    if (options.node === undefined) this.#menu(this.#entries());
    else this.#attaching = this.#attach(options.node);
  }

  /** What the person typed. Resolves when more may be typed; never rejects. */
  async input(bytes: Uint8Array): Promise<void> {
    if (!this.#attachment && !this.#prompt) await this.#attaching;
    const typing: Promise<void>[] = [];
    let rest = bytes;
    // Commands are obeyed at once, also while the machine takes nothing of what was typed before them.
    while (rest.length > 0 && !this.#closed) {
      if (this.#prompt && !this.#keys.standsApart) {
        rest = this.#answer(this.#prompt, rest);
        continue;
      }
      const { typed, command: key, used } = this.#keys.take(rest);
      rest = rest.subarray(used);
      let left: Uint8Array = typed;
      while (this.#prompt && left.length > 0) left = this.#answer(this.#prompt, left);
      if (left.length > 0 && this.#attachment) typing.push(this.#attachment.input(left));
      if (key !== undefined && this.#giveUpQuestion(key)) this.#command(key);
    }
    await Promise.all(typing);
  }

  /**
   * The client sent a break of its own (RFC 4335, telnet BRK).
   * @param ms how long, where the client says so: brought to half a second at least and three at most, as RFC 4335 has it
   */
  breakReceived(ms?: number): void {
    const long = ms === undefined ? {} : { ms: Math.min(Math.max(ms, 500), 3000) };
    void this.#attaching.then(() => this.#request({ ask: "break", ...long }));
  }

  /**
   * Puts the terminal back as it was before a console set it otherwise: mouse reports would be typed into the person's
   * own shell. Done by itself when the console is left; whoever ends the connection with a word of their own calls it
   * before.
   */
  restore(): void {
    if (this.#closed || !this.#modes.isTouched) return;
    this.#write(Buffer.from(this.#modes.undo()));
    // Where the cursor stands now nobody knows.
    this.#atLineStart = false;
  }

  /** The client is gone. */
  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#attaching.then(() => this.#attachment?.detach("the connection ended"));
  }

  async #attach(node: string): Promise<void> {
    const { door, visitor, mode, replay, output } = this.#options;
    const viewer: Viewer = {
      bytes: (chunk) => {
        this.#modes.saw(chunk);
        return this.#write(chunk);
      },
      onDrain: (callback) => output.onDrain(callback),
      told: (told) => this.#told(told),
    };
    try {
      this.#attachment = await door.attach(node, visitor, { mode, replay }, viewer);
    } catch (error) {
      if (!(error instanceof AttachRefused)) throw error;
      this.#end(error.message, error.code);
    }
  }

  #command(key: string): void {
    const attachment = this.#attachment;
    if (!attachment) return;
    command(key, {
      attachment,
      escape: this.#options.escape,
      say: (text) => this.#say(text),
      show: (lines) => this.#show(lines),
      question: (text, single, answer) => this.#ask(text, single, answer),
      ask: (ask) => void this.#request(ask),
      leave: () => this.#leave(),
    });
  }

  async #request(ask: ConsoleAsk): Promise<void> {
    const told = await this.#attachment?.ask(ask);
    if (told && !(told.told === "done" && SHOWN.has(ask.ask))) this.#told(told);
  }

  #leave(): void {
    this.#attachment?.detach("left");
    this.#attachment = undefined;
    this.restore();
    if (this.#options.node !== undefined) return this.#end("you have left", "left");
    return this.#menu(this.#entries());
  }

  #entries(): readonly MenuEntry[] {
    return this.#options.door.visibleTo(this.#options.visitor);
  }

  #menu(entries: readonly MenuEntry[]): void {
    this.#listed = entries;
    this.#show(entries.length === 0 ? ["no console that you may see"] : menuLines(entries));
    this.#prompt = this.#question(false, (text) => this.#chosen(text));
    this.#echo("console (number, name or a part of it; q to leave): ");
  }

  #chosen(text: string | undefined): void {
    const choice =
      text === undefined
        ? ({ kind: "leave" } as const)
        : choose(text, this.#listed, this.#entries());
    switch (choice.kind) {
      case "leave":
        return this.#end("you have left", "left");
      case "none":
        this.#say("no console is called like that");
        return this.#menu(this.#listed);
      case "list":
        return this.#menu(choice.entries);
      case "node":
        this.#attaching = this.#attach(choice.node);
    }
  }

  #ask(text: string, single: boolean, answer: (text: string) => void): void {
    this.#freshLine();
    this.#echo(`[outrider: ${text}] `);
    this.#prompt = this.#question(single, (given) => {
      if (given !== undefined) answer(given);
    });
  }

  #question(single: boolean, answer: Question["answer"]): Question {
    const show = (bytes: Uint8Array): void => {
      if (!this.#closed) this.#write(bytes);
    };
    return { prompt: new LinePrompt({ show, single, escapable: true }), answer };
  }

  /** A command takes the place of a question. The menu is left by one of them only. @returns whether it is to be done */
  #giveUpQuestion(key: string): boolean {
    const prompt = this.#prompt;
    if (!prompt) return true;
    if (!this.#attachment && key !== ".") return false;
    this.#prompt = undefined;
    prompt.prompt.giveUp();
    prompt.answer(undefined);
    return true;
  }

  /** @returns what is not part of the answer */
  #answer({ prompt, answer }: Question, bytes: Uint8Array): Uint8Array {
    const end = prompt.take(bytes);
    if (!end) return bytes.subarray(bytes.length);
    // An answer may bring the next question.
    this.#prompt = undefined;
    answer(end.line);
    return bytes.subarray(end.taken);
  }

  #told({ told, text, code, sessions }: ConsoleTold): void {
    if (this.#closed) return;
    if (told === "bye") {
      this.#greet();
      this.#attachment = undefined;
      return this.#end(text ?? "the console service ended this", code ?? "ended");
    }
    if (told === "who") {
      return this.#show((sessions ?? []).map((session) => `  ${sessionLine(session)}`));
    }
    if (told === "attached") {
      const { escape } = this.#options;
      const help = escape === "none" ? "" : ` — ${escape}? helps, ${escape}. leaves`;
      const greeting = `${text ?? "attached"}${help}`;
      if (this.#options.replay !== "screen") return this.#say(greeting);
      this.#greeting = greeting;
      return undefined;
    }
    if (told === "replay" || told === "gap") return this.#sayIf(text);
    this.#greet();
    if (told === "mode" && text === undefined) return this.#say("you type now");
    const isAboutTurn = told === "mode" || (code !== undefined && TURN_CODES.has(code));
    return this.#sayIf(text && isAboutTurn ? `${text}${this.#keyToType()}` : text);
  }

  /** How somebody who looks on comes to type, in keys of theirs. */
  #keyToType(): string {
    const { escape } = this.#options;
    const who = this.#attachment?.whoTypes;
    if (escape === "none" || who === undefined) return "";
    if (who === "nobody") return ` (${escape}a types)`;
    return who === "somebody" ? ` (${escape}f takes the console)` : "";
  }

  #greet(): void {
    const greeting = this.#greeting;
    this.#greeting = undefined;
    if (greeting !== undefined) this.#say(greeting);
  }

  #sayIf(text: string | undefined): void {
    if (text !== undefined && text !== "") this.#say(text);
  }

  /** Bytes of the console end between two sequences, so that a line of ours stands in none. */
  #say(text: string): void {
    this.#freshLine();
    this.#echo(`[outrider: ${seemly(text, 2000)}]\r\n`);
  }

  #show(lines: readonly string[]): void {
    this.#freshLine();
    for (const line of lines) this.#echo(`${seemlyLine(line)}\r\n`);
  }

  #freshLine(): void {
    if (!this.#atLineStart) this.#echo("\r\n");
  }

  #echo(text: string): void {
    if (!this.#closed) this.#write(Buffer.from(text));
  }

  #write(bytes: Uint8Array): boolean {
    if (bytes.length > 0) this.#atLineStart = bytes.at(-1) === 0x0a;
    return this.#options.output.write(bytes);
  }

  #end(reason: string, code: string): void {
    if (this.#closed) return;
    this.restore();
    this.#say(reason);
    this.#closed = true;
    this.#options.output.end(reason, code);
  }
}

/** Something that is asked of the person, and what is done with the answer; undefined: they gave it up. */
interface Question {
  readonly prompt: LinePrompt;
  readonly answer: (text: string | undefined) => void;
}

/** What these answer with was shown by then. */
const SHOWN: ReadonlySet<ConsoleAsk["ask"]> = new Set(["who", "replay", "power", "take", "write"]);

/** Answers to somebody whose turn it is not. */
const TURN_CODES: ReadonlySet<string> = new Set(["not-writing", "busy"]);

/** As {@link seemly}, with the white space at its beginning. */
function seemlyLine(line: string): string {
  const indent = line.length - line.trimStart().length;
  return " ".repeat(indent) + seemly(line, 300);
}
