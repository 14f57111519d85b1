import { spawnSync } from "node:child_process";
import type { ByteTerminal } from "../console.js";

/** Signals that end the program unless somebody listens, after which the terminal would stay as it is. */
const ENDINGS = ["SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/** Standard input and output of the process. */
export function byteTerminal(): ByteTerminal {
  return {
    get input() {
      return process.stdin;
    },
    output: process.stdout,
    inputIsTerminal: process.stdin.isTTY,
    outputIsTerminal: process.stdout.isTTY,
    keys,
  };
}

function keys(): Disposable {
  const { stdin } = process;
  if (!stdin.isTTY) return { [Symbol.dispose]: () => undefined };
  const bare = (on: boolean): void => {
    try {
      stdin.setRawMode(on);
    } catch {
      // The terminal itself has gone: there is nothing left to put back.
    }
  };
  const undo = (): void => bare(false);
  const start = (): void => {
    bare(true);
    // Node leaves line feeds to be turned into two characters, which spoils what a full-screen program draws. What it
    // saved, and puts back, has this in it.
    spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
  };
  const again = (): void => {
    undo();
    start();
  };
  const dispose = (): void => {
    undo();
    process.off("exit", undo).off("SIGCONT", again);
    for (const signal of ENDINGS) process.off(signal, end);
  };
  function end(signal: NodeJS.Signals): void {
    dispose();
    process.kill(process.pid, signal);
  }
  // The end of the process, however it comes about: an exit, a defect, a signal.
  process.on("exit", undo);
  for (const signal of ENDINGS) process.on(signal, end);
  // A shell has set the terminal as it likes it while this program was stopped.
  process.on("SIGCONT", again);
  start();
  return { [Symbol.dispose]: dispose };
}
