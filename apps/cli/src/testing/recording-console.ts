import type { Console } from "../console.js";

export interface Said {
  readonly out: string[];
  readonly error: string[];
  readonly questions: string[];
}

/** A console that keeps what is written. @param answers what a person types, in turn; without any, nobody is there */
export function recordingConsole(
  answers: readonly string[] = [],
  input = "",
): { readonly console: Console; readonly said: Said } {
  const said: Said = { out: [], error: [], questions: [] };
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
    interrupted: new AbortController().signal,
  };
  return { console, said };
}
