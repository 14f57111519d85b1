import type { Transition } from "@outrider/contracts/transition";
import type { Command } from "commander";
import type { TransitionPage } from "@outrider/contracts/transition";
import type { Cli } from "../cli.js";
import { EXIT } from "../exit-code.js";
import { outputOption } from "../options.js";
import { showOne, type Format } from "../output.js";
import { showTasks, tasksOf } from "../transitions.js";

const PLACES = {
  node: "/nodes",
  agent: "/agents",
  lock: "/locks",
} as const;

export function addDescribeCommands(program: Command, cli: Cli): void {
  const describe = program.command("describe").description("show all that is known of one thing");
  for (const [kind, path] of Object.entries(PLACES)) {
    describe
      .command(kind)
      .description(`one ${kind}`)
      .argument("<id>", `id of the ${kind}`)
      .addOption(outputOption())
      .action((id: string, { output }: { output: Format }) =>
        cli.online(async (api) => {
          const found = await api.get<object>(`${path}/${encodeURIComponent(id)}`);
          showOne(found, output, id, cli.console);
          return EXIT.verified;
        }),
      );
  }
  describe
    .command("transition")
    .description("a transition, with how each node fares")
    .argument("<id>", "id of the transition")
    .addOption(outputOption())
    .action((id: string, { output }: { output: Format }) =>
      cli.online(async (api) => {
        const { transition } = await api.get<TransitionPage>(
          `/transitions/${encodeURIComponent(id)}`,
          {
            limit: 1,
          },
        );
        const tasks = await tasksOf(api, transition.id);
        if (output === "table") showOne(headOf(transition), "table", id, cli.console);
        showTasks(transition, tasks, output, cli.console);
        return EXIT.verified;
      }),
    );
}

/** Without what only programs need. */
function headOf({ revision: _revision, ...head }: Transition): object {
  return head;
}
