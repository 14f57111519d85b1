import { EnvironmentError } from "@outrider/contracts/environment";
import { MessagingError } from "@outrider/messaging/errors";
import { CommanderError, type Command } from "commander";
import { connectionAdvice, readCliConfig, withSession } from "./connection.js";
import type { Console } from "./console.js";
import { EXIT, exitOfMessagingError, type ExitCode } from "./exit-code.js";
import { plain } from "./plain.js";
import { createProgram } from "./program.js";

/**
 * Runs one command line.
 * @param args without the names of Node and the script
 * @throws whatever is a defect
 */
export async function runCli(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  console: Console,
): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.verified;
  const program = createProgram(async (use) => {
    const config = readCliConfig(environment);
    try {
      exitCode = await withSession(config, console.interrupted, use);
    } catch (error) {
      if (console.interrupted.aborted) {
        console.error("outrider: interrupted; nothing was asked");
        exitCode = EXIT.interrupted;
      } else if (error instanceof MessagingError) {
        console.error(plain(`outrider: ${connectionAdvice(config, error)}`));
        exitCode = exitOfMessagingError(error.code);
      } else throw error;
    }
  }, console);
  configure(program, console);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof EnvironmentError) {
      for (const problem of error.problems) console.error(`outrider: ${problem}`);
      return EXIT.usage;
    }
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.verified : EXIT.usage;
  }
  return exitCode;
}

/** Lets commander speak through our console and end nothing by itself; subcommands too. */
function configure(command: Command, console: Console): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => console.out(text.trimEnd()),
    writeErr: (text) => console.error(text.trimEnd()),
  });
  for (const sub of command.commands) configure(sub, console);
}
