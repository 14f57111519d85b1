import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { byteTerminal } from "./consoles/byte-terminal.js";
import type { Console } from "./console.js";
import { plain } from "./plain.js";

/** The console of the process. */
export function terminal(interrupted: AbortSignal): Console {
  const { stdin, stdout, stderr } = process;
  let shown = false;
  const clear = (): void => {
    if (shown) stderr.write("\r\u001b[K");
    shown = false;
  };
  return {
    out: (line) => {
      clear();
      stdout.write(`${line}\n`);
    },
    error: (line) => {
      clear();
      stderr.write(`${line}\n`);
    },
    progress: (line) => {
      if (!stderr.isTTY) return;
      const width = stderr.columns || 80;
      stderr.write(`\r\u001b[K${plain(line).slice(0, width - 1)}`);
      shown = true;
    },
    isTerminal: stderr.isTTY,
    ask: async (question, hidden = false) => {
      if (!stdin.isTTY || !stderr.isTTY) return undefined;
      clear();
      const quiet = new Writable({ write: (_chunk, _encoding, done) => done() });
      const lines = createInterface({
        input: stdin,
        output: hidden ? quiet : stderr,
        terminal: true,
      });
      // In raw mode Ctrl-C is a key, which would only close this reader.
      lines.on("SIGINT", () => process.emit("SIGINT"));
      try {
        if (hidden) stderr.write(question);
        const answer = await lines.question(hidden ? "" : question, { signal: interrupted });
        if (hidden) stderr.write("\n");
        return answer;
      } finally {
        lines.close();
      }
    },
    input: () => text(stdin),
    bytes: byteTerminal(),
    interrupted,
  };
}
