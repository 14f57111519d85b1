import { EnvironmentError } from "@outrider/contracts/environment";
import { NodeSetError } from "@outrider/contracts/node-set";
import { CommanderError, type Command } from "commander";
import { Api, ApiError } from "./api.js";
import type { Environment } from "./cli.js";
import type { Console } from "./console.js";
import { targetOf } from "./contexts.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { plain } from "./plain.js";
import { createProgram } from "./program.js";

/**
 * Runs one command line.
 * @param args without the names of Node and the script
 * @throws whatever is a defect
 */
export async function runCli(
  args: readonly string[],
  environment: Environment,
  console: Console,
): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.verified;
  const program: Command = createProgram({
    console,
    environment,
    online: async (use) => {
      const { context } = program.opts<{ readonly context?: string }>();
      exitCode = await use(new Api(targetOf(environment, context), console.interrupted));
    },
    offline: async (use) => {
      exitCode = await use();
    },
  });
  configure(program, console);
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    return told(error, console);
  }
}

/** Says what went wrong, and with which code to end. @throws what is a defect */
function told(error: unknown, console: Console): ExitCode {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? EXIT.verified : EXIT.usage;
  }
  if (console.interrupted.aborted) {
    console.error("outrider: interrupted");
    return EXIT.interrupted;
  }
  if (error instanceof EnvironmentError) {
    for (const problem of error.problems) console.error(plain(`outrider: ${problem}`));
    return EXIT.usage;
  }
  if (error instanceof NodeSetError) {
    console.error(plain(`outrider: ${error.message}`));
    return EXIT.usage;
  }
  if (error instanceof ApiError) {
    console.error(plain(`outrider: ${error.message}`));
    return error.exitCode;
  }
  throw error;
}

/** Lets commander speak through our console and end nothing by itself; subcommands too. */
function configure(command: Command, console: Console): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => console.out(text.trimEnd()),
    writeErr: (text) => console.error(text.trimEnd().split("\n").map(plain).join("\n")),
  });
  for (const sub of command.commands) configure(sub, console);
}
