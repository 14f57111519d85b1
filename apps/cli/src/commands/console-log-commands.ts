import { InvalidArgumentError, Option, type Command } from "commander";
import type { Cli } from "../cli.js";
import { objects, shown, toFile, toOutput } from "../consoles/bytes-out.js";
import { followLog } from "../consoles/follow-log.js";
import { foldedHits, hitLines, searched, type Hit } from "../consoles/search-hits.js";
import { EXIT } from "../exit-code.js";
import { integer, timeOption } from "../options.js";
import { countText } from "../count.js";
import { plain } from "../plain.js";

interface LogOptions {
  readonly follow?: boolean;
  readonly since?: string;
  readonly until?: string;
  readonly lines?: number | "all";
  readonly boot?: number;
  readonly raw?: boolean;
  readonly json?: boolean;
  readonly output?: string;
}

interface SearchOptions {
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
  readonly context?: number;
  readonly output: "table" | "folded" | "jsonl";
}

/** What a person who asks for a log without more is shown. */
const LINES = 200;

export function addConsoleLogCommands(group: Command, cli: Cli): void {
  const log = group
    .command("log")
    .description(
      "what a console has said, a time before each line; the last 200 lines unless more is asked for",
    )
    .argument("<node>", "id of a node")
    .option("-f, --follow", "go on with what comes, until Ctrl-C")
    .addOption(timeOption("--since"))
    .addOption(timeOption("--until"))
    .addOption(
      new Option("--lines <n>", "only the last so many, marks and gaps counted, or all")
        .argParser(lineCount)
        .conflicts(["since", "boot"]),
    )
    .addOption(
      new Option("--boot <n>", "only this boot; 0: the last one, -1: the one before")
        .argParser(bootNumber)
        .conflicts("since"),
    )
    .addOption(
      new Option("--raw", "the exact bytes, all of them unless less is asked for").conflicts(
        "json",
      ),
    )
    .option("--json", "an object a line")
    .addOption(
      new Option(
        "-o, --output <file>",
        "into this file, which is there whole or not at all",
      ).conflicts("follow"),
    )
    .action((node: string, options: LogOptions) => {
      const { follow, since, until, lines, boot, raw, json, output } = options;
      const { bytes } = cli.console;
      if (raw && output === undefined && bytes.outputIsTerminal) {
        log.error("error: exact bytes are not for a terminal; name a file with -o, or a pipe");
      }
      const isBounded = [since, until, lines, boot].some((one) => one !== undefined);
      const last = isBounded || raw || output !== undefined ? undefined : LINES;
      const query = {
        from: since,
        until,
        lines: lines === "all" ? undefined : (lines ?? last),
        boot,
      };
      return cli.online(async (api) => {
        // A log of a boot that is over, or until a time, has an end.
        if (follow && !raw && until === undefined && (boot === undefined || boot === 0)) {
          return followLog(api, { node, query, json: json ?? false }, cli.console);
        }
        const chunks = await api.stream(`/nodes/${encodeURIComponent(node)}/console/log`, {
          ...query,
          format: raw ? "raw" : json ? "jsonl" : "text",
          follow,
        });
        if (output !== undefined) {
          const length = await toFile(chunks, output);
          cli.console.error(plain(`outrider: ${output}: ${countText(length, "byte")}`));
          return EXIT.verified;
        }
        await toOutput(bytes.outputIsTerminal ? shown(chunks) : chunks, cli.console);
        if (!follow) return EXIT.verified;
        cli.console.error("outrider: the gateway has ended the stream; begin again to go on");
        return EXIT.unreachable;
      });
    });
  group
    .command("search")
    .description("lines in the logs of consoles; 5 when there are none")
    .argument("<text>", "a text, whatever its case, or /an expression/ (RE2), or /one/i")
    .argument("[nodeset...]", "node set; none: all consoles that you may read")
    .addOption(timeOption("--since"))
    .addOption(timeOption("--until"))
    .addOption(
      new Option("--limit <n>", "only the newest so many")
        .argParser(integer(1, 100_000))
        .default(1000),
    )
    .addOption(
      new Option("-C, --context <n>", "so many lines before and after").argParser(integer(0, 10)),
    )
    .addOption(
      new Option("-o, --output <format>", "how to print; folded puts together what is alike")
        .choices(["table", "folded", "jsonl"])
        .default("table"),
    )
    .action((word: string, words: string[], { output, ...rest }: SearchOptions) =>
      cli.online(async (api) => {
        const chunks = await api.stream("/consoles/search", {
          ...searched(word),
          ...rest,
          nodes: words.length === 0 ? undefined : words.join(","),
        });
        const hits: Hit[] = [];
        for await (const hit of objects<Hit>(chunks)) {
          hits.push(hit);
          if (output === "jsonl") cli.console.out(JSON.stringify(hit));
          else cli.console.progress(`${countText(hits.length, "line")} so far`);
        }
        const told =
          output === "jsonl" ? [] : output === "folded" ? foldedHits(hits) : hitLines(hits);
        for (const line of told) cli.console.out(line);
        if (hits.length > 0) {
          if (hits.length === rest.limit) {
            cli.console.error(`outrider: only the newest ${rest.limit}; --limit shows more`);
          }
          return EXIT.verified;
        }
        cli.console.error("outrider: nothing was found");
        return EXIT.precondition;
      }),
    );
}

function lineCount(text: string): number | "all" {
  return text === "all" ? text : integer(1, 1_000_000)(text);
}

function bootNumber(text: string): number {
  if (/^-?\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(
    "Expected the number of a boot, 0 for the last, -1 for the one before.",
  );
}
