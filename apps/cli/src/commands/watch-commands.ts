import { systemClock } from "@outrider/contracts/clock";
import { Option, type Command } from "commander";
import type { Cli } from "../cli.js";
import { eventText, subjectOf, type EventView } from "../event-rows.js";
import { EXIT } from "../exit-code.js";
import { nodesArgument } from "../options.js";
import { plain } from "../plain.js";
import { KnownTransitions, quietTransitions } from "../transition-events.js";

const QUIET: readonly string[] = ["hello", "heartbeat", "snapshot-end"];

interface WatchOptions {
  readonly kinds?: string;
  readonly output: "table" | "jsonl";
  readonly snapshot?: boolean;
}

export function addWatchCommand(program: Command, cli: Cli): void {
  nodesArgument(
    program.command("watch").description("show what happens, as it happens, until Ctrl-C"),
    false,
  )
    .option(
      "--kinds <kinds>",
      "only these, with commas between them: node,result,event,transition,lock,alarm",
    )
    .option("--snapshot", "begin with how things are")
    .addOption(
      new Option("-o, --output <format>", "how to print")
        .choices(["table", "jsonl"])
        .default("table"),
    )
    .action((words: string[], { kinds, output, snapshot = false }: WatchOptions) =>
      cli.online(async (api) => {
        const nodes = words.length === 0 ? undefined : words.join(",");
        const shown = new Map<string, string>();
        const known = new KnownTransitions(api);
        const isQuiet = quietTransitions(() => systemClock.monotonicMs());
        let live = snapshot;
        for await (const { event, data } of api.events("/events", { nodes, kinds })) {
          if (event === "snapshot-end") {
            live = true;
            cli.console.progress("watching; Ctrl-C ends");
          }
          if (!live && event === "node") isRepeated(data as EventView, shown);
          if (!live || QUIET.includes(event)) continue;
          const told = data as EventView;
          if (output === "jsonl") {
            cli.console.out(JSON.stringify(told));
            continue;
          }
          if (isRepeated(told, shown) || isQuiet(told)) continue;
          const transition = await known.of(told);
          cli.console.out(lineOf(transition ? { ...told, transition } : told));
        }
        cli.console.error("outrider: the gateway has ended the stream; begin again to go on");
        return EXIT.unreachable;
      }),
    );
}

function lineOf(event: EventView): string {
  const at = event.at ?? new Date().toISOString();
  return plain(
    `${at.slice(11, 23)}  ${event.kind.padEnd(10)}  ${subjectOf(event).padEnd(10)}  ${eventText(event)}`,
  );
}

/** Whether a node is as it was last told: unchanged values are repeated on the bus, for people they are no news. */
function isRepeated(event: EventView, shown: Map<string, string>): boolean {
  if (event.kind !== "node") return false;
  const [subject, text] = [subjectOf(event), eventText(event)];
  const before = shown.get(subject);
  shown.set(subject, text);
  return before === text;
}
