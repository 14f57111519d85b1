import { PassThrough } from "node:stream";
import type { Console } from "../console.js";

export interface Said {
  readonly out: string[];
  readonly error: string[];
  readonly questions: string[];
  /** What was written as bytes. */
  readonly bytes: Buffer[];
}

/** A console that keeps what is written. @param answers what a person types, in turn; without any, nobody is there */
export function recordingConsole(
  answers: readonly string[] = [],
  input = "",
): { readonly console: Console; readonly said: Said } {
  const said: Said = { out: [], error: [], questions: [], bytes: [] };
  const left = [...answers];
  const console: Console = {
    out: (line) => void said.out.push(line),
    error: (line) => void said.error.push(line),
    progress: () => undefined,
    isTerminal: answers.length > 0,
    ask: (question) => {
      said.questions.push(question);
      return Promise.resolve(left.shift());
    },
    input: () => Promise.resolve(input),
    bytes: {
      input: new PassThrough().end(input),
      output: new PassThrough().on("data", (chunk: Buffer) => said.bytes.push(chunk)),
      inputIsTerminal: false,
      outputIsTerminal: false,
      keys: () => ({ [Symbol.dispose]: () => undefined }),
    },
    interrupted: new AbortController().signal,
  };
  return { console, said };
}
