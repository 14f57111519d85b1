#!/usr/bin/env node
import { runCli } from "./run.js";

/** One Ctrl-C may come twice: from the terminal, and passed on by npm. */
const SAME_PRESS_MS = 500;

const interrupted = new AbortController();
let pressedAtMs = 0;
process.on("SIGINT", () => {
  if (!interrupted.signal.aborted) {
    pressedAtMs = performance.now();
    interrupted.abort(new Error("interrupted"));
  } else if (performance.now() - pressedAtMs > SAME_PRESS_MS) {
    // Whoever presses twice does not want to wait for a farewell.
    process.exit(130);
  }
});

process.exitCode = await runCli(process.argv.slice(2), process.env, {
  out: (line) => process.stdout.write(`${line}\n`),
  error: (line) => process.stderr.write(`${line}\n`),
  isTerminal: process.stderr.isTTY,
  interrupted: interrupted.signal,
});
