#!/usr/bin/env node
import { runCli } from "./run.js";
import { terminal } from "./terminal.js";

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
// A reader that has seen enough, as `head`, is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

process.exitCode = await runCli(process.argv.slice(2), process.env, terminal(interrupted.signal));
