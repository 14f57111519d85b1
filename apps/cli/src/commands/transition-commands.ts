import type { Transition, TransitionPage } from "@outrider/contracts/transition";
import { Option, type Command } from "commander";
import type { Cli } from "../cli.js";
import { EXIT } from "../exit-code.js";
import { duration, outputOption } from "../options.js";
import { showOne, type Format } from "../output.js";
import { plain } from "../plain.js";
import { abortedText, follow } from "../transitions.js";

export function addTransitionCommands(program: Command, cli: Cli): void {
  const group = program.command("transition").description("what goes on over many nodes");
  group
    .command("abort")
    .description("begin nothing further; what runs is finished, a cycle too")
    .argument("<id>", "id of the transition")
    .addOption(outputOption())
    .action((id: string, { output }: { output: Format }) =>
      cli.online(async (api) => {
        const aborted = await api.delete<Transition>(`/transitions/${encodeURIComponent(id)}`);
        if (output === "table") {
          cli.console.out(plain(`${id}: ${aborted.state}; ${abortedText(aborted.counts)}`));
        } else showOne(aborted, output, id, cli.console);
        return EXIT.verified;
      }),
    );
  group
    .command("wait")
    .description("wait for the end of a transition; ends with the exit code that its nodes make")
    .argument("<id>", "id of the transition")
    .addOption(
      new Option("--timeout <duration>", "how long to wait")
        .argParser(duration({ min: 100, max: 7 * 86_400_000 }))
        .default(3_600_000, "1h"),
    )
    .addOption(outputOption())
    .action((id: string, { output, timeout }: { output: Format; timeout: number }) =>
      cli.online(async (api) => {
        const { transition } = await api.get<TransitionPage>(
          `/transitions/${encodeURIComponent(id)}`,
          {
            limit: 1,
          },
        );
        return follow(api, transition, { timeoutMs: timeout, format: output }, cli.console);
      }),
    );
}
