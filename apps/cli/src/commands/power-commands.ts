import { TASK_DEADLINE_MS } from "@outrider/contracts/transition";
import { Option, type Command } from "commander";
import type { Cli } from "../cli.js";
import { showNodes, type NodesFormat } from "../node-list.js";
import {
  duration,
  integer,
  nodesArgument,
  nodesOutputOption,
  outputOption,
  reasonOption,
  yesOption,
} from "../options.js";
import type { Format } from "../output.js";
import { power, POWER_WORDS, type PowerWord } from "../power.js";

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
const WAIT = { min: 100, max: 7 * 86_400_000, default: 3_600_000 } as const;

interface PowerOptions {
  readonly wait: boolean | "verified";
  readonly timeout: number;
  readonly deadline?: number;
  readonly stagger?: number;
  readonly parallel?: number;
  readonly escalate?: boolean;
  readonly expect?: "On" | "Off";
  readonly dryRun?: boolean;
  readonly reason?: string;
  readonly yes?: boolean;
  readonly lock?: string;
  readonly override?: boolean;
  readonly skipDrain?: boolean;
  readonly output: Format;
}

export function addPowerCommands(program: Command, cli: Cli): void {
  const group = program.command("power").description("act on the power of nodes");
  nodesArgument(group.command("status"))
    .description("show supply and host")
    .addOption(nodesOutputOption())
    .action((nodes: string[], { output }: { output: NodesFormat }) =>
      cli.online((api) => showNodes(api, nodes, output, cli.console)),
    );
  for (const word of Object.keys(POWER_WORDS) as PowerWord[]) addPower(group, word, cli);
}

function addPower(group: Command, word: PowerWord, cli: Cli): void {
  const command = nodesArgument(group.command(word))
    .description(SUMMARIES[word])
    .addOption(
      new Option("--wait [until]", "wait until each node is verified; the default")
        .choices(["verified"])
        .preset("verified")
        .default(true),
    )
    .option("--no-wait", "end as soon as it is accepted")
    .addOption(
      new Option("--timeout <duration>", "how long to wait; what was accepted goes on")
        .argParser(duration(WAIT))
        .default(WAIT.default, "1h"),
    )
    .addOption(
      new Option("--deadline <duration>", "give up nodes that have not begun by then").argParser(
        duration(TASK_DEADLINE_MS),
      ),
    )
    .addOption(
      new Option("--stagger <duration>", "least time between the begin of two nodes").argParser(
        duration({ min: 0, max: 3_600_000 }),
      ),
    )
    .addOption(
      new Option("-P, --parallel <n>", "at most so many nodes at once").argParser(
        integer(1, 100_000),
      ),
    )
    .addOption(
      new Option("--expect <supply>", "act only on nodes whose supply is this").choices([
        "On",
        "Off",
      ]),
    )
    .option("--dry-run", "say what would happen, and do nothing")
    .addOption(reasonOption())
    .addOption(yesOption())
    .option("--lock <id>", "act only while this lock stands on every node")
    .option("--override", "act although an interlock says no; needs --reason and the right")
    .option("--skip-drain", "without drain hooks; needs --reason")
    .addOption(outputOption());
  if (GRACEFUL.includes(word)) {
    command.option("--escalate", "use force when the host does not obey in time");
  }
  command.action((nodes: string[], options: PowerOptions) => {
    if ((options.override || options.skipDrain) && options.reason === undefined) {
      command.error(
        "error: --override and --skip-drain need --reason, which is kept in the audit log",
      );
    }
    return cli.online((api) => power(api, askOf(nodes, word, options), cli.console));
  });
}

function askOf(nodes: readonly string[], word: PowerWord, options: PowerOptions) {
  const { escalate, expect, parallel, stagger, deadline, reason, lock, override, skipDrain } =
    options;
  const more = {
    escalate,
    expect,
    parallel,
    staggerMs: stagger,
    deadlineMs: deadline,
    reason,
    lock,
    override,
    skipDrain,
  };
  return {
    nodes: nodes.join(","),
    action: POWER_WORDS[word],
    timeoutMs: options.timeout,
    wait: options.wait !== false,
    yes: options.yes ?? false,
    dryRun: options.dryRun ?? false,
    format: options.output,
    more,
  };
}
