import { ESCAPE_PATTERN, REPLAY_PATTERN } from "@outrider/contracts/console-attach";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { Cli } from "../cli.js";
import { attach } from "../consoles/attach.js";
import { BOOTS, type BootRow } from "../consoles/rows.js";
import { EXIT } from "../exit-code.js";
import { duration, outputOption } from "../options.js";
import { showList, showOne, type Format } from "../output.js";
import { plain } from "../plain.js";
import { addConsoleActCommands } from "./console-act-commands.js";
import { addConsoleLogCommands } from "./console-log-commands.js";
import { addConsoleScriptCommands } from "./console-script-commands.js";

interface AttachOptions {
  readonly spy?: boolean;
  readonly take?: boolean;
  readonly escape: string;
  readonly replay?: string;
  readonly linger?: number;
}

interface Screen {
  readonly text: string;
}

export function addConsoleCommands(program: Command, cli: Cli): void {
  const group = program
    .command("console")
    .description("consoles of nodes: sit at one, read and search what was said, press keys");
  group
    .command("attach", { isDefault: true })
    .description("sit at a console; `outrider console NODE` is the same")
    .argument("<node>", "id of a node")
    .addOption(new Option("--spy", "only look on").conflicts("take"))
    .option("--take", "take the console from whoever types, who is told")
    .addOption(
      new Option(
        "-e, --escape <keys>",
        "what commands begin with; then . leaves and ? helps; none: there are none",
      )
        .argParser(matching(ESCAPE_PATTERN, "keys such as ^Ec, ^], ~ or none"))
        .default("^Ec"),
    )
    .addOption(
      new Option(
        "--replay <what>",
        "what to show first: lines:200, boot, previous-boot, since:10m, screen, none; for a person lines:20",
      ).argParser(
        matching(REPLAY_PATTERN, "lines:200, boot, previous-boot, since:10m, screen or none"),
      ),
    )
    .addOption(
      new Option(
        "--linger <duration>",
        "once there is no more input, leave so long after the last byte; without it, stay",
      ).argParser(duration({ min: 0, max: 86_400_000 })),
    )
    .action((node: string, { spy, take, escape, replay, linger }: AttachOptions) =>
      cli.online((api) =>
        attach(
          api,
          {
            node,
            mode: take ? "take" : spy ? "spy" : "write",
            replay,
            escape,
            lingerMs: linger,
          },
          cli.console,
        ),
      ),
    );
  addConsoleLogCommands(group, cli);
  group
    .command("describe")
    .description("how a console is reached and how it fares: link, device, line, who types")
    .argument("<node>", "id of a node")
    .addOption(outputOption())
    .action((node: string, { output }: { output: Format }) =>
      cli.online(async (api) => {
        const found = await api.get<object>(`/nodes/${encodeURIComponent(node)}/console`);
        showOne(found, output, node, cli.console);
        return EXIT.verified;
      }),
    );
  group
    .command("boots")
    .description("the boots in the log of a console, oldest first")
    .argument("<node>", "id of a node")
    .addOption(outputOption())
    .action((node: string, { output }: { output: Format }) =>
      cli.online(async (api) => {
        const { boots } = await api.get<{ boots: BootRow[] }>(
          `/nodes/${encodeURIComponent(node)}/console/boots`,
        );
        showList(boots, output, BOOTS, cli.console);
        return EXIT.verified;
      }),
    );
  group
    .command("screen")
    .description("the screen of a console as it stands now")
    .argument("<node>", "id of a node")
    .addOption(outputOption())
    .action((node: string, { output }: { output: Format }) =>
      cli.online(async (api) => {
        const path = `/nodes/${encodeURIComponent(node)}/console/screen`;
        const screen = await api.get<Screen>(path);
        if (output !== "table") showOne(screen, output, node, cli.console);
        else for (const line of screen.text.split("\n")) cli.console.out(plain(line));
        return EXIT.verified;
      }),
    );
  addConsoleActCommands(group, cli);
  addConsoleScriptCommands(group, cli);
}

function matching(pattern: RegExp, expected: string) {
  return (text: string): string => {
    if (pattern.test(text)) return text;
    throw new InvalidArgumentError(`Expected ${expected}.`);
  };
}
