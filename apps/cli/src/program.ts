import { parseDuration } from "@outrider/contracts/clock";
import { isNodeId } from "@outrider/contracts/ids";
import { Command, InvalidArgumentError, Option } from "commander";
import type { Console } from "./console.js";
import { power, POWER_WORDS, type PowerWord } from "./power.js";
import { showNodes } from "./nodes.js";
import type { ExitCode } from "./exit-code.js";
import type { Session } from "@outrider/messaging/session";

export const VERSION = "0.1.0";

/** Runs one subcommand on a connection. */
export type Run = (use: (session: Session) => Promise<ExitCode>) => Promise<void>;

const SUMMARIES: Readonly<Record<PowerWord, string>> = {
  on: "switch the supply on; a halted host is woken as its node declares",
  off: "take the supply away at once (ForceOff)",
  shutdown: "ask the host to shut down, and wait until it has",
  cycle: "off, verified, and on again",
  reset: "reset the host at once (ForceRestart)",
  restart: "ask the host to shut down, then bring it back (GracefulRestart)",
  button: "press the power button shortly",
  nmi: "send a non-maskable interrupt",
};
const GRACEFUL: readonly PowerWord[] = ["shutdown", "restart"];
/** Longer than the graceful limit that nodes have when they declare none. */
const DEFAULT_TIMEOUT = { graceful: "5m", other: "1m" } as const;

interface PowerOptions {
  readonly timeout: number;
  readonly escalate?: boolean;
  readonly reason?: string;
  readonly output?: "json";
}

/** The command line. Parsing it runs the command. */
export function createProgram(run: Run, console: Console): Command {
  const program = new Command("outrider")
    .description("Out-of-band management for clusters of small computers.")
    .version(VERSION)
    .addHelpText(
      "after",
      `
Environment: OUTRIDER_MQTT_URL (mqtt://127.0.0.1:1883), OUTRIDER_USER, OUTRIDER_SECRET_FILE
Exit codes: 0 done and verified, 1 error, 2 usage, 3 some nodes only, 4 not allowed, 5 locked, busy or
  not possible in this state, 6 timed out or not known, 7 unreachable, 130 interrupted`,
    );
  const group = program.command("power").description("act on the power of nodes");
  nodesArgument(group.command("status"))
    .description("show supply and host")
    .addOption(outputOption())
    .action((nodes: string[], { output }: { output?: "json" }) =>
      run((session) => showNodes(session, nodes, output === "json", console)),
    );
  for (const word of Object.keys(POWER_WORDS) as PowerWord[]) addPower(group, word, run, console);
  program
    .command("get")
    .description("show what there is")
    .command("nodes")
    .description("list the nodes with their state")
    .addOption(outputOption())
    .action(({ output }: { output?: "json" }) =>
      run((session) => showNodes(session, [], output === "json", console)),
    );
  return program;
}

function addPower(group: Command, word: PowerWord, run: Run, console: Console): void {
  const graceful = GRACEFUL.includes(word);
  const fallback = graceful ? DEFAULT_TIMEOUT.graceful : DEFAULT_TIMEOUT.other;
  const command = nodesArgument(group.command(word))
    .description(SUMMARIES[word])
    .addOption(
      new Option("--timeout <duration>", "how long to wait for the result")
        .argParser(timeout)
        .default(parseDuration(fallback), fallback),
    )
    .addOption(new Option("--reason <text>", "kept with the command").argParser(reason))
    .addOption(outputOption());
  if (graceful) command.option("--escalate", "use force when the host does not obey in time");
  command.action((nodes: string[], options: PowerOptions) =>
    run((session) =>
      power(
        session,
        {
          nodes,
          action: POWER_WORDS[word],
          timeoutMs: options.timeout,
          escalate: options.escalate ?? false,
          reason: options.reason,
          json: options.output === "json",
        },
        console,
      ),
    ),
  );
}

function nodesArgument(command: Command): Command {
  return command.argument("<node...>", "ids of nodes", (text: string, before?: string[]) => {
    if (!isNodeId(text)) {
      throw new InvalidArgumentError("Expected lower-case letters, digits and inner hyphens.");
    }
    return before?.includes(text) ? before : [...(before ?? []), text];
  });
}

function outputOption(): Option {
  return new Option("-o, --output <format>", "json for programs").choices(["json"]);
}

function timeout(text: string): number {
  const span = parseDuration(text);
  if (span === undefined || span < 100 || span > 86_400_000) {
    throw new InvalidArgumentError("Expected a duration from 100ms to 1d, such as 30s or 5m.");
  }
  return Math.round(span);
}

function reason(text: string): string {
  if (text.length > 500) throw new InvalidArgumentError("Expected at most 500 characters.");
  return text;
}
