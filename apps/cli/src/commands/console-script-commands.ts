import { readFile } from "node:fs/promises";
import { milliseconds, systemClock } from "@outrider/contracts/clock";
import type { ConsoleCapture, RuleRecord, ScriptRun } from "@outrider/contracts/console-operations";
import { EnvironmentError } from "@outrider/contracts/environment";
import { Option, type Command } from "commander";
import type { Api } from "../api.js";
import type { Cli } from "../cli.js";
import { shown, toFile, toOutput } from "../consoles/bytes-out.js";
import { CAPTURES, RULES, RUNS } from "../consoles/rows.js";
import { countText } from "../count.js";
import { EXIT, type ExitCode } from "../exit-code.js";
import { duration, integer, nodesArgument, outputOption, reasonOption } from "../options.js";
import { showList, type Format } from "../output.js";
import { plain } from "../plain.js";

const POLL = milliseconds(500);

const RUN_EXIT: Readonly<Record<ScriptRun["state"], ExitCode>> = {
  running: EXIT.timedOut,
  succeeded: EXIT.verified,
  failed: EXIT.error,
  "timed-out": EXIT.timedOut,
  aborted: EXIT.error,
};

interface ScriptOptions {
  readonly deadline: number;
  readonly take?: boolean;
  readonly reason?: string;
  readonly wait: boolean;
}

/** What the console service does by itself: scripts, rules, and what those have kept. */
export function addConsoleScriptCommands(group: Command, cli: Cli): void {
  group
    .command("script")
    .description("run an expect-style script at a console, on the server; ends as the script does")
    .argument("<node>", "id of a node")
    .argument("<file>", "the script; - is standard input")
    .addOption(
      new Option("--deadline <duration>", "for all of it")
        .argParser(duration({ min: 100, max: 3_600_000 }))
        .default(300_000, "5m"),
    )
    .option("--take", "take the console from whoever types")
    .addOption(reasonOption())
    .option("--no-wait", "end as soon as it runs")
    .action((node: string, file: string, { deadline, take, reason, wait }: ScriptOptions) =>
      cli.online(async (api) => {
        const script = file === "-" ? await cli.console.input() : await scriptIn(file);
        const path = `/nodes/${encodeURIComponent(node)}/console/scripts`;
        const run = await api.post<ScriptRun>(path, { script, deadlineMs: deadline, take, reason });
        if (!wait) {
          cli.console.out(plain(run.id));
          return EXIT.verified;
        }
        return ended(api, run, cli);
      }),
    );
  group
    .command("scripts")
    .description("the newest script runs")
    .addOption(outputOption())
    .action(({ output }: { output: Format }) =>
      cli.online(async (api) => {
        const { runs } = await api.get<{ runs: ScriptRun[] }>("/consoles/scripts");
        showList(runs, output, RUNS, cli.console);
        return EXIT.verified;
      }),
    );
  group
    .command("transcript")
    .description("what a script sent and what the console said")
    .argument("<run>", "as `outrider console scripts` has it")
    .action((run: string) => cli.online((api) => transcript(api, run, cli)));
  group
    .command("abort")
    .description("stop a script")
    .argument("<run>", "as `outrider console scripts` has it")
    .action((run: string) =>
      cli.online(async (api) => {
        const stopped = await api.delete<ScriptRun>(`/consoles/scripts/${encodeURIComponent(run)}`);
        cli.console.out(plain(`${run}: ${stopped.state}`));
        return EXIT.verified;
      }),
    );
  nodesArgument(
    group.command("captures").description("what was kept of consoles because of what was in it"),
    false,
  )
    .addOption(new Option("--limit <n>", "at most so many").argParser(integer(1, 100)).default(100))
    .addOption(outputOption())
    .action((words: string[], { output, limit }: { output: Format; limit: number }) =>
      cli.online(async (api) => {
        const nodes = words.length === 0 ? undefined : words.join(",");
        const { captures } = await api.get<{ captures: ConsoleCapture[] }>("/consoles/captures", {
          nodes,
          limit,
        });
        showList(captures, output, CAPTURES, cli.console);
        return EXIT.verified;
      }),
    );
  group
    .command("capture")
    .description("the bytes of a capture; on a terminal, what can be shown of them")
    .argument("<capture>", "as `outrider console captures` has it")
    .option("-o, --output <file>", "into this file")
    .action((capture: string, { output }: { output?: string }) =>
      cli.online(async (api) => {
        const chunks = await api.stream(`/consoles/captures/${encodeURIComponent(capture)}`);
        if (output === undefined) {
          await toOutput(cli.console.bytes.outputIsTerminal ? shown(chunks) : chunks, cli.console);
          return EXIT.verified;
        }
        const length = await toFile(chunks, output);
        cli.console.error(plain(`outrider: ${output}: ${countText(length, "byte")}`));
        return EXIT.verified;
      }),
    );
  addRuleCommands(group, cli);
}

function addRuleCommands(group: Command, cli: Cli): void {
  const rules = group.command("rules").description("what the rules that watch consoles have done");
  rules
    .command("list", { isDefault: true })
    .description("what each rule has done on each node; `outrider console rules` is the same")
    .addOption(outputOption())
    .action(({ output }: { output: Format }) =>
      cli.online(async (api) => {
        const { records } = await api.get<{ records: RuleRecord[] }>("/consoles/rules");
        showList(records, output, RULES, cli.console);
        return EXIT.verified;
      }),
    );
  rules
    .command("clear")
    .description("let a rule act on the power of a node again")
    .argument("<rule>", "name of the rule")
    .argument("<node>", "id of a node")
    .action((rule: string, node: string) =>
      cli.online(async (api) => {
        await api.post("/consoles/rules/clear", { rule, node });
        cli.console.out(plain(`${rule} acts on ${node} again`));
        return EXIT.verified;
      }),
    );
}

/** Waits until a script has ended, and shows what it did. Ctrl-C ends the program and not the script. */
async function ended(api: Api, begun: ScriptRun, cli: Cli): Promise<ExitCode> {
  const { console } = cli;
  let run = begun;
  try {
    while (run.state === "running") {
      console.progress(`${run.node}: line ${run.line}`);
      await systemClock.sleep(POLL, console.interrupted);
      run = await api.get<ScriptRun>(`/consoles/scripts/${encodeURIComponent(run.id)}`);
    }
  } catch (error) {
    if (console.interrupted.aborted) {
      console.error(
        plain(`outrider: the script goes on; \`outrider console abort ${run.id}\` stops it`),
      );
    }
    throw error;
  }
  await transcript(api, run.id, cli);
  const why = run.detail === undefined ? "" : `: ${run.detail}`;
  console.error(plain(`outrider: ${run.node}: ${run.state} at line ${run.line}${why}`));
  return RUN_EXIT[run.state];
}

async function transcript(api: Api, run: string, { console }: Cli): Promise<ExitCode> {
  const chunks = await api.stream(`/consoles/scripts/${encodeURIComponent(run)}/transcript`);
  await toOutput(console.bytes.outputIsTerminal ? shown(chunks) : chunks, console);
  return EXIT.verified;
}

async function scriptIn(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new EnvironmentError([
      `${file}: ${error instanceof Error ? error.message : "cannot be read"}`,
    ]);
  }
}
