import type { ConsoleSession } from "@outrider/contracts/console";
import { SYSRQ_NAMES, sysRqName } from "@outrider/contracts/console";
import { LINE_PATTERN } from "@outrider/contracts/console-attach";
import { readFile } from "node:fs/promises";
import { EnvironmentError } from "@outrider/contracts/environment";
import { Argument, InvalidArgumentError, Option, type Command } from "commander";
import { ApiError } from "../api.js";
import type { Cli } from "../cli.js";
import { withConsole } from "../consoles/attach.js";
import { pasteParts } from "../consoles/paste.js";
import { SESSIONS } from "../consoles/rows.js";
import { EXIT } from "../exit-code.js";
import { duration, integer, nodesArgument, outputOption, reasonOption } from "../options.js";
import { showList, type Format } from "../output.js";
import { plain } from "../plain.js";

interface ActOptions {
  readonly take?: boolean;
  readonly ms?: number;
}

/** What is done at consoles without sitting at them, and who is there. */
export function addConsoleActCommands(group: Command, cli: Cli): void {
  const act = (node: string, what: object): Promise<void> =>
    cli.online(async (api) => {
      const path = `/nodes/${encodeURIComponent(node)}/console/act`;
      const { detail } = await api.post<{ detail: string }>(path, what);
      cli.console.out(plain(`${node}: ${detail}`));
      return EXIT.verified;
    });
  at(group.command("break").description("send a break, or a sequence that the site names"))
    .argument("[name]", "name of a sequence; none: one break")
    .addOption(msOption("how long one break lasts"))
    .action((node: string, name: string | undefined, { ms, take }: ActOptions) =>
      act(node, { ask: "break", name, ms, take }),
    );
  at(group.command("sysrq").description("press Magic SysRq keys by name: a break, then the key"))
    .addArgument(
      new Argument(
        "<key...>",
        "what to do, in order; the kernel's own key of it as well, as in s u b",
      )
        .choices(SYSRQ_NAMES)
        .argParser(sysRqs),
    )
    .action((node: string, keys: readonly string[], { take }: ActOptions) =>
      act(node, { ask: "sysrq", keys, take }),
    );
  at(group.command("pulse").description("turn a line over for a moment: what some boards reset by"))
    .addArgument(new Argument("<line>", "which one").choices(["dtr", "rts"]))
    .addOption(msOption("how long"))
    .action((node: string, line: string, { ms, take }: ActOptions) =>
      act(node, { ask: "pulse", line, ms, take }),
    );
  at(group.command("line").description("set speed, framing and flow control of the wire"))
    .argument(
      "<settings>",
      "such as 115200, 9600,7e1 or 115200,8n1,rts-cts; declared: what the site says",
      settings,
    )
    .action((node: string, text: string, { take }: ActOptions) =>
      act(node, { ask: "line", settings: text, take }),
    );
  at(
    group
      .command("close")
      .description(
        "have the agent let go of the device, for minicom or a flasher; it takes it back by itself",
      ),
  )
    .addOption(
      new Option("--for <duration>", "for so long; without it, for 30m").argParser(
        duration({ min: 1000, max: 86_400_000 }),
      ),
    )
    .addOption(reasonOption())
    .action((node: string, options: ActOptions & { for?: number; reason?: string }) =>
      act(node, {
        ask: "close",
        forMs: options.for,
        text: options.reason,
        take: options.take,
      }),
    );
  at(
    group.command("open").description("have the agent take the device of a console back now"),
  ).action((node: string, { take }: ActOptions) => act(node, { ask: "open", take }));
  at(
    group
      .command("paste")
      .description("type a text as the site says how fast; standard input, or a file"),
  )
    .option("-f, --file <file>", "what to type")
    .action((node: string, { file, take = false }: ActOptions & { file?: string }) =>
      cli.online(async (api) => {
        const text = file === undefined ? await cli.console.input() : await textIn(file);
        const parts = pasteParts(text);
        await withConsole(api, { node, take }, async (ask) => {
          for (const [index, part] of parts.entries()) {
            cli.console.progress(`${node}: part ${index + 1} of ${parts.length}`);
            // One after the other: what is typed has an order.
            const { told, text: why } = await ask({ ask: "paste", text: part });
            if (told === "refused") {
              throw new ApiError(
                `${why ?? "the paste was refused"} (part ${index + 1} of ${parts.length})`,
                EXIT.precondition,
              );
            }
          }
        });
        cli.console.out(plain(`${node}: ${[...text].length} characters were typed`));
        return EXIT.verified;
      }),
    );
  nodesArgument(group.command("who").description("who is at which console, and how idle"), false)
    .addOption(outputOption())
    .action((words: string[], { output }: { output: Format }) =>
      cli.online(async (api) => {
        const { sessions, total } = await api.get<{ sessions: ConsoleSession[]; total: number }>(
          "/consoles/sessions",
          { nodes: words.length === 0 ? undefined : words.join(",") },
        );
        showList(sessions, output, SESSIONS, cli.console);
        if (total > sessions.length) {
          cli.console.error(
            `outrider: ${sessions.length} of ${total}; name nodes to see the others`,
          );
        }
        return EXIT.verified;
      }),
    );
  group
    .command("disconnect")
    .description("end somebody's session, who is told by whom and why")
    .argument("<session>", "as `outrider console who` has it")
    .addOption(reasonOption())
    .action((session: string, { reason }: { reason?: string }) =>
      cli.online(async (api) => {
        const query = reason === undefined ? "" : `?${new URLSearchParams({ reason }).toString()}`;
        await api.delete(`/consoles/sessions/${encodeURIComponent(session)}${query}`);
        cli.console.out(plain(`${session}: disconnected`));
        return EXIT.verified;
      }),
    );
}

function at(command: Command): Command {
  return command
    .argument("<node>", "id of a node")
    .option("--take", "also while somebody else types, who is told");
}

function msOption(what: string): Option {
  return new Option("--ms <n>", `${what}, in milliseconds`).argParser(integer(1, 10_000));
}

function settings(text: string): string {
  if (LINE_PATTERN.test(text)) return text;
  throw new InvalidArgumentError(
    "Expected settings such as 115200, 9600,7e1 or 115200,8n1,rts-cts, or declared.",
  );
}

function sysRqs(text: string, before: readonly string[] | undefined): readonly string[] {
  const name = sysRqName(text);
  if (name) return [...(before ?? []), name];
  throw new InvalidArgumentError(
    `Expected one of ${SYSRQ_NAMES.join(", ")}, or the kernel's key of it.`,
  );
}

async function textIn(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new EnvironmentError([
      `${file}: ${error instanceof Error ? error.message : "cannot be read"}`,
    ]);
  }
}
