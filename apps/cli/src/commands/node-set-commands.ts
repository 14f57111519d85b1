import { expandNodes, foldNodes } from "@outrider/contracts/node-set";
import { Option, type Command } from "commander";
import type { Cli } from "../cli.js";
import { EXIT } from "../exit-code.js";

/** Node sets without asking anybody: what scripts use between other commands. */
export function addNodeSetCommands(program: Command, cli: Cli): void {
  const group = program.command("nodeset").description("fold, expand and count node sets, offline");
  const add = (
    name: string,
    summary: string,
    say: (ids: string[], separator: string) => string,
  ): void => {
    group
      .command(name)
      .description(`${summary}; without words, of standard input`)
      .argument("[nodeset...]", "names, ranges and operators: n[1-8]!n3")
      .addOption(
        new Option("-S, --separator <text>", "between the names that expand prints").default(" "),
      )
      .action((words: string[], { separator }: { separator: string }) =>
        cli.offline(async () => {
          const given = words.length > 0 ? words : (await cli.console.input()).split(/\s+/);
          const text = given.filter((word) => word !== "").join(",");
          cli.console.out(say(text === "" ? [] : expandNodes(text), separator));
          return EXIT.verified;
        }),
      );
  };
  add("fold", "the shortest writing of a node set", (ids) => foldNodes(ids));
  add("expand", "every name of a node set", (ids, separator) =>
    ids.join(separator.replaceAll("\\n", "\n")),
  );
  add("count", "how many names a node set has", (ids) => String(ids.length));
}
