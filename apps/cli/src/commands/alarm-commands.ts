import { csvLine } from "@outrider/contracts/csv";
import type { AlarmRecord, AlarmRecords } from "@outrider/contracts/telemetry-pages";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { Api, Given } from "../api.js";
import type { Cli } from "../cli.js";
import { EXIT, type ExitCode } from "../exit-code.js";
import { integer, nodesArgument, outputOption } from "../options.js";
import { showList, type Format } from "../output.js";
import { plain } from "../plain.js";
import { alarmColumns, alarmName } from "../telemetry/alarm-rows.js";
import { alarmsAsked, askedText, unseenOf, type AlarmsAsked } from "../telemetry/alarms-asked.js";

interface ListOptions {
  readonly all?: boolean;
  readonly severity?: string;
  readonly limit: number;
  readonly csv?: boolean;
  readonly output: Format;
}

const PAGE = 1000;
/** More than stand at any time. */
const MOST = 100_000;

export function addAlarmCommands(program: Command, cli: Cli): void {
  const group = program.command("alarms").description("what is wrong and should be looked at");
  nodesArgument(
    group
      .command("list", { isDefault: true })
      .description("alarms that stand, newest first; `outrider alarms NODESET` is the same"),
    false,
  )
    .option("--all", "also those that are over")
    .addOption(new Option("--severity <severity>", "only these").choices(["Warning", "Critical"]))
    .addOption(
      new Option("--limit <n>", "at most so many").argParser(integer(1, 100_000)).default(1000),
    )
    .option("--csv", "as CSV")
    .addOption(outputOption())
    .action((words: string[], { all, severity, limit, csv, output }: ListOptions) =>
      cli.online(async (api) => {
        const alarms = await alarmsOf(
          api,
          {
            nodes: words.length === 0 ? undefined : words.join(","),
            state: all ? "all" : "active",
            severity,
          },
          limit,
        );
        if (csv) for (const line of csvLines(alarms)) cli.console.out(line);
        else showList(alarms, output, alarmColumns(new Date()), cli.console);
        return EXIT.verified;
      }),
    );
  group
    .command("ack")
    .description("say that somebody has seen alarms; they stay until what they tell of is over")
    .argument(
      "<alarm...>",
      "as the list names them, or of a node set: n1/silent, 'n[1-8]/silent'",
      named,
    )
    .option("--comment <text>", "what is being done about it")
    .action((asked: AlarmsAsked[], { comment }: { comment?: string }) =>
      cli.online(async (api) => {
        let code: ExitCode = EXIT.verified;
        const seen = async (subject: string, alarm: string): Promise<void> => {
          await api.post(
            `/alarms/${encodeURIComponent(subject)}/${encodeURIComponent(alarm)}/acknowledge`,
            comment === undefined ? {} : { comment },
          );
          cli.console.out(plain(`${alarmName({ subject, id: alarm })}: seen`));
        };
        for (const one of asked) {
          if ("alarm" in one) {
            await seen(one.subject, one.alarm);
            continue;
          }
          const standing = await alarmsOf(api, { nodes: one.nodes, state: "active" }, MOST);
          const unseen = unseenOf(standing, one.rule);
          for (const { subject, id } of unseen) await seen(subject, id);
          if (unseen.length === 0) {
            const what = askedText(one.nodes, one.rule);
            cli.console.error(plain(`outrider: there is no alarm ${what} that nobody has seen`));
            code = EXIT.precondition;
          }
        }
        return code;
      }),
    );
}

export async function alarmsOf(
  api: Api,
  query: Readonly<Record<string, Given>>,
  atMost: number,
): Promise<AlarmRecord[]> {
  const found: AlarmRecord[] = [];
  let before: number | undefined;
  do {
    const limit = Math.min(PAGE, atMost - found.length);
    const page = await api.get<AlarmRecords>("/alarms", { ...query, before, limit });
    found.push(...page.alarms);
    before = page.next;
  } while (before !== undefined && found.length < atMost);
  return found;
}

function* csvLines(alarms: readonly AlarmRecord[]): Generator<string> {
  const line = (cells: readonly (string | number | undefined)[]): string =>
    csvLine(cells).slice(0, -2);
  yield line([
    "raised",
    "cleared",
    "subject",
    "alarm",
    "severity",
    "message",
    "value",
    "limit",
    "unit",
    "seen by",
  ]);
  for (const one of alarms) {
    yield plain(
      line([
        one.raisedAt,
        one.clearedAt,
        one.subject,
        one.id,
        one.severity,
        one.message,
        one.value,
        one.limit,
        one.unit,
        one.acknowledged?.actor,
      ]),
    );
  }
}

function named(text: string, before: readonly AlarmsAsked[] = []): AlarmsAsked[] {
  const found = alarmsAsked(text);
  if (!found) {
    throw new InvalidArgumentError("Expected a name such as n1/soc-temperature or n[1-8]/silent.");
  }
  return [...before, found];
}
