import type { LoggedEvent } from "@outrider/contracts/telemetry-pages";
import { Option, type Command } from "commander";
import type { Api, Given } from "../api.js";
import type { Cli } from "../cli.js";
import { shown as forTerminal, toOutput } from "../consoles/bytes-out.js";
import { EXIT, type ExitCode } from "../exit-code.js";
import { integer, nodesArgument, outputOption, timeOption, wordsOf } from "../options.js";
import { showList, type Format } from "../output.js";
import { plain } from "../plain.js";
import { eventLine, LOGGED_EVENTS, SEVERITIES } from "../telemetry/event-lines.js";
import { eventsOf } from "../telemetry/event-log.js";
import { followLive } from "../telemetry/follow-live.js";
import { wayText } from "../telemetry/watch-sensors.js";

interface EventOptions {
  readonly since?: string;
  readonly until?: string;
  readonly kinds?: string;
  readonly severity?: readonly string[];
  readonly limit: number;
  readonly watch?: boolean;
  readonly csv?: boolean;
  readonly output: Format;
}

/** What a watch begins with at most. */
const MOST_BEFORE = 1000;

export function addEventCommands(program: Command, cli: Cli): void {
  nodesArgument(
    program
      .command("events")
      .description("what happened, from the event log, which survives restarts; the newest last"),
    false,
  )
    .addOption(timeOption("--since"))
    .addOption(timeOption("--until").conflicts("watch"))
    .option("--kinds <kinds>", "only these, with commas between them")
    .addOption(
      new Option(
        "--severity <words>",
        `only these, with commas between them: ${SEVERITIES.join(",")}`,
      ).argParser(wordsOf(SEVERITIES, "severities with commas between them")),
    )
    .addOption(
      new Option("--limit <n>", "only the newest so many")
        .argParser(integer(1, 1_000_000))
        .default(100),
    )
    .option("-w, --watch", "go on with what happens, until Ctrl-C")
    .addOption(new Option("--csv", "as CSV, newest first, all of them").conflicts("watch"))
    .addOption(outputOption())
    .action((words: string[], { limit, watch, csv, output, ...given }: EventOptions) =>
      cli.online(async (api) => {
        const query = {
          nodes: words.length === 0 ? undefined : words.join(","),
          kinds: given.kinds,
          severity: given.severity?.join(","),
          from: given.since,
          to: given.until,
        };
        if (csv) {
          const { bytes } = cli.console;
          const chunks = await api.stream("/events/history", { ...query, format: "csv" });
          await toOutput(bytes.outputIsTerminal ? forTerminal(chunks) : chunks, cli.console);
          return EXIT.verified;
        }
        if (watch) return follow(api, query, { limit, output }, cli);
        const events = await eventsOf(api, query, limit);
        showList(events, output, LOGGED_EVENTS, cli.console);
        if (events.length === limit && output === "table") {
          cli.console.error(`outrider: only the newest ${limit}; --limit shows more`);
        }
        return EXIT.verified;
      }),
    );
}

/** Shows what is there, then what comes, a line each: after a break what happened meanwhile, nothing twice. */
function follow(
  api: Api,
  { to: _to, ...query }: Readonly<Record<string, Given>>,
  { limit, output }: Pick<EventOptions, "limit" | "output">,
  { console }: Cli,
): Promise<ExitCode> {
  let after: number | undefined;
  const take = (event: LoggedEvent): void => {
    after = event.seq;
    console.out(output === "table" ? plain(eventLine(event)) : JSON.stringify(event));
    console.progress("watching; Ctrl-C ends");
  };
  console.progress("watching; Ctrl-C ends");
  return followLive<LoggedEvent>(
    api,
    {
      path: "/events/live",
      query: () => ({ ...query, limit: Math.min(limit, MOST_BEFORE), after }),
      take,
      lost: (why) => console.error(plain(`outrider: ${wayText(why)}`)),
    },
    console,
  );
}
