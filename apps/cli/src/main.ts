#!/usr/bin/env node
import { runCli } from "./run.js";

const interrupted = new AbortController();
process.on("SIGINT", () => {
  // The second one ends at once: whoever presses twice does not want to wait for a farewell.
  if (interrupted.signal.aborted) process.exit(130);
  interrupted.abort(new Error("interrupted"));
});

process.exitCode = await runCli(process.argv.slice(2), process.env, {
  out: (line) => process.stdout.write(`${line}\n`),
  error: (line) => process.stderr.write(`${line}\n`),
  isTerminal: process.stderr.isTTY,
  interrupted: interrupted.signal,
});
