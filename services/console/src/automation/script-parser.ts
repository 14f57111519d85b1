import { parseDuration } from "@outrider/contracts/clock";
import { SYSRQ_NAMES, type SysRqName } from "@outrider/contracts/console";
import { SearchError } from "../log/console-log.js";
import { compileQuery, type CompiledQuery } from "../log/search-query.js";

/** Something that is waited for in one line of the console. */
export interface ScriptPattern {
  /** As it was written. */
  readonly source: string;
  readonly query: CompiledQuery;
}

export type ScriptStep = { readonly line: number } & (
  | { readonly kind: "expect"; readonly pattern: ScriptPattern; readonly withinMs?: number }
  | {
      readonly kind: "capture";
      readonly name: string;
      readonly pattern: ScriptPattern;
      readonly withinMs?: number;
    }
  | { readonly kind: "send"; readonly text: string }
  | { readonly kind: "break"; readonly name?: string }
  | { readonly kind: "sysrq"; readonly keys: readonly SysRqName[] }
  | { readonly kind: "sleep"; readonly ms: number }
  | { readonly kind: "pulse"; readonly wire: "dtr" | "rts"; readonly ms?: number }
  | { readonly kind: "on"; readonly pattern: ScriptPattern; readonly outcome: ScriptEnd }
  | { readonly kind: "end"; readonly end: ScriptEnd }
);

export interface ScriptEnd {
  readonly state: "succeeded" | "failed";
  readonly text: string | undefined;
}

/** A script that cannot be read: where, and what was expected. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";
  constructor(
    readonly line: number,
    readonly column: number,
    message: string,
  ) {
    super(`line ${line}, column ${column}: ${message}`);
  }
}

const MOST_STEPS = 1000;
const MOST_RULES = 32;

/** Reads a script: one step on each line, `#` begins a remark. @throws ScriptError */
export function parseScript(text: string): readonly ScriptStep[] {
  const steps = text.split(/\r?\n/).flatMap((line, index) => {
    const step = new LineReader(line, index + 1).step();
    return step ? [step] : [];
  });
  if (steps.length === 0) throw new ScriptError(1, 1, "the script has no step");
  if (steps.length > MOST_STEPS) throw new ScriptError(1, 1, `more than ${MOST_STEPS} steps`);
  if (steps.filter(({ kind }) => kind === "on").length > MOST_RULES) {
    throw new ScriptError(1, 1, `more than ${MOST_RULES} steps with on`);
  }
  const names = new Set<string>();
  for (const step of steps) {
    if (step.kind === "capture") names.add(step.name);
    if (step.kind !== "send") continue;
    for (const [, name = ""] of step.text.matchAll(NAME_IN_TEXT)) {
      if (names.has(name)) continue;
      throw new ScriptError(step.line, 1, `$${name} is not captured before; $$ is a dollar sign`);
    }
  }
  return steps;
}

const NAME_IN_TEXT = /(?<=^(?:[^$]|\$\$)*)\$([a-z][a-z0-9_]{0,31})/g;

/** The text with what was captured in the place of names. */
export function fillIn(text: string, captured: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$\$|\$([a-z][a-z0-9_]{0,31})/g, (whole, name?: string) =>
    name === undefined ? "$" : (captured.get(name) ?? whole),
  );
}

const ESCAPES: Readonly<Record<string, string>> = {
  r: "\r",
  n: "\n",
  t: "\t",
  e: "\u001b",
  '"': '"',
  "\\": "\\",
};

/** Reads one line from left to right. */
class LineReader {
  #at = 0;

  constructor(
    private readonly text: string,
    private readonly line: number,
  ) {}

  step(): ScriptStep | undefined {
    if (this.#isOver()) return undefined;
    const step = this.#step(this.#word("a step"), this.line);
    if (!this.#isOver()) this.#fail("expected the end of the line");
    return step;
  }

  #step(word: string, line: number): ScriptStep {
    switch (word) {
      case "expect":
        return { kind: "expect", line, pattern: this.#pattern(), ...this.#within() };
      case "capture": {
        const [, name] =
          /^\$([a-z][a-z0-9_]{0,31})$/.exec(this.#word("a name such as $version")) ?? [];
        if (name === undefined) return this.#fail("expected a name such as $version");
        return { kind: "capture", line, name, pattern: this.#pattern(), ...this.#within() };
      }
      case "send":
        return { kind: "send", line, text: this.#string() };
      case "send-line":
        return { kind: "send", line, text: `${this.#isOver() ? "" : this.#string()}\r` };
      case "break":
        return { kind: "break", line, ...(this.#isOver() ? {} : { name: this.#word("a name") }) };
      case "sysrq":
        return { kind: "sysrq", line, keys: this.#keys() };
      case "sleep":
        return { kind: "sleep", line, ms: this.#duration() };
      case "pulse": {
        const wire = this.#word("dtr or rts");
        if (wire !== "dtr" && wire !== "rts") return this.#fail("expected dtr or rts");
        return { kind: "pulse", line, wire, ...(this.#isOver() ? {} : { ms: this.#duration() }) };
      }
      case "on":
        return { kind: "on", line, pattern: this.#pattern(), outcome: this.#end(this.#word(ENDS)) };
      case "fail":
      case "succeed":
        return { kind: "end", line, end: this.#end(word) };
      default:
        return this.#fail(
          `${word} is no step; expected expect, send, send-line, break, sysrq, sleep, pulse, capture, on, fail or succeed`,
        );
    }
  }

  #end(word: string): ScriptEnd {
    if (word !== "fail" && word !== "succeed") return this.#fail(`expected ${ENDS}`);
    const text = this.#isOver() ? undefined : this.#string();
    return { state: word === "fail" ? "failed" : "succeeded", text };
  }

  #keys(): readonly SysRqName[] {
    const keys: SysRqName[] = [];
    do {
      const word = this.#word("a key such as sync");
      const key = SYSRQ_NAMES.find((name) => name === word);
      if (!key) return this.#fail(`${word} is no SysRq; there are: ${SYSRQ_NAMES.join(", ")}`);
      keys.push(key);
    } while (!this.#isOver() && keys.length < 8);
    return keys;
  }

  #within(): { withinMs?: number } {
    if (this.#isOver()) return {};
    if (this.#word("within") !== "within") return this.#fail("expected within, as in within 10s");
    return { withinMs: this.#duration() };
  }

  #duration(): number {
    const span = parseDuration(this.#word("a time such as 10s"));
    if (span === undefined || span > 3_600_000) {
      return this.#fail("expected a time of at most an hour, such as 500ms, 10s or 2m");
    }
    return span;
  }

  #pattern(): ScriptPattern {
    this.#skip();
    const from = this.#at;
    if (this.text[from] === '"') {
      const query = this.#string();
      const source = this.text.slice(from, this.#at);
      return { source, query: this.#compile(from, { query }, query) };
    }
    if (this.text[from] !== "/") return this.#fail('expected a pattern: /regex/ or "text"');
    let end = from + 1;
    while (end < this.text.length && this.text[end] !== "/") end += this.text[end] === "\\" ? 2 : 1;
    if (this.text[end] !== "/") return this.#fail("the pattern has no end: expected /");
    const regex = this.text.slice(from + 1, end).replaceAll("\\/", "/");
    this.#at = end + 1;
    const query = this.#compile(from, { regex }, undefined);
    if (query.find("")) return this.#fail("the pattern fits the empty line", from);
    return { source: this.text.slice(from, end + 1), query };
  }

  #compile(
    from: number,
    asked: { query?: string; regex?: string },
    exact: string | undefined,
  ): CompiledQuery {
    try {
      const compiled = compileQuery(asked);
      if (exact === undefined) return compiled;
      // A search does not care for case; a script does.
      return {
        required: compiled.required,
        find: (line) => {
          const at = line.indexOf(exact);
          return at < 0 ? undefined : { from: at, to: at + exact.length };
        },
      };
    } catch (error) {
      if (!(error instanceof SearchError)) throw error;
      return this.#fail(error.message, from);
    }
  }

  #string(): string {
    this.#skip();
    if (this.text[this.#at] !== '"') return this.#fail('expected a text in quotes, such as "text"');
    let read = "";
    for (let at = this.#at + 1; at < this.text.length; at += 1) {
      const character = this.text[at] as string;
      if (character === '"') {
        this.#at = at + 1;
        return read;
      }
      if (character !== "\\") {
        read += character;
        continue;
      }
      at += 1;
      const escape = this.text[at] ?? "";
      const hex = /^x([0-7][0-9a-fA-F])/.exec(this.text.slice(at, at + 3))?.[1];
      const meant =
        hex === undefined ? ESCAPES[escape] : String.fromCharCode(Number.parseInt(hex, 16));
      if (meant === undefined) {
        return this.#fail('expected one of \\r \\n \\t \\e \\" \\\\ \\xHH (up to 7F)', at);
      }
      read += meant;
      if (hex !== undefined) at += 2;
    }
    return this.#fail('the text has no end: expected "');
  }

  #word(expected: string): string {
    this.#skip();
    const [word] = /^[^\s"#/]+/.exec(this.text.slice(this.#at)) ?? [];
    if (word === undefined) return this.#fail(`expected ${expected}`);
    this.#at += word.length;
    return word;
  }

  #isOver(): boolean {
    this.#skip();
    return this.#at >= this.text.length || this.text[this.#at] === "#";
  }

  #skip(): void {
    while (/[ \t]/.test(this.text[this.#at] ?? "")) this.#at += 1;
  }

  #fail(message: string, at = this.#at): never {
    throw new ScriptError(this.line, at + 1, message);
  }
}

const ENDS = "fail or succeed";
