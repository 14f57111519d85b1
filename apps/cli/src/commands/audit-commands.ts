import { verifyDataDirectory } from "@outrider/audit/offline";
import { EnvironmentError } from "@outrider/contracts/environment";
import type { AuditRecord, AuditVerdict } from "@outrider/contracts/audit";
import { Option, type Command } from "commander";
import type { Api } from "../api.js";
import { ACTS, actsOf, RECORDS } from "../audit-rows.js";
import type { Cli } from "../cli.js";
import { EXIT, type ExitCode } from "../exit-code.js";
import { integer, outputOption } from "../options.js";
import { showList, type Columns, type Format } from "../output.js";

const LOGS = ["gateway", "inventory", "power", "console", "telemetry"] as const;

interface SearchOptions {
  readonly log?: string;
  readonly actor?: string;
  readonly act?: string;
  readonly subject?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
  readonly output: Format;
}

interface Verdict extends Partial<AuditVerdict> {
  readonly log: string;
  readonly problem?: string;
  readonly file?: string;
}

const VERDICTS: Columns<Verdict> = {
  things: "audit logs",
  head: ["LOG", "INTACT", "RECORDS", "HEAD", "DETAIL"],
  name: ({ log }) => log,
  row: ({ log, intact, records, head, detail, brokenAt, problem, file }) => [
    file === undefined ? log : `${file} ${log}`,
    intact === undefined ? "unknown" : intact ? "yes" : `NO, from record ${brokenAt ?? "?"}`,
    String(records ?? "-"),
    head?.slice(0, 16) ?? "-",
    problem ?? detail ?? "",
  ],
};

export function addAuditCommands(program: Command, cli: Cli): void {
  const group = program.command("audit").description("who did what, written before it was done");
  group
    .command("search")
    .description("records, newest first")
    .addOption(new Option("--log <log>", "only this one").choices(LOGS))
    .option("--actor <actor>", "such as person:anna")
    .option("--act <act>", `one of these, or the end of its name: ${ACTS.join(", ")}`)
    .option("--subject <subject>", "a node, a user …")
    .option("--since <time>", "RFC 3339, or a date")
    .option("--until <time>", "RFC 3339, or a date")
    .addOption(
      new Option("--limit <n>", "at most so many").argParser(integer(1, 10_000)).default(100),
    )
    .addOption(outputOption())
    .action((options: SearchOptions) =>
      cli.online(async (api) => {
        const { log, output, limit, since, until, act, ...rest } = options;
        const query = { ...rest, since: timeOf(since), until: timeOf(until) };
        const found: AuditRecord[] = [];
        for (const one of log === undefined ? LOGS : [log]) {
          for (const name of act === undefined ? [undefined] : actsOf(act)) {
            found.push(...(await newestOf(api, { ...query, log: one, act: name }, limit)));
          }
        }
        const newest = found.toSorted((a, b) => (a.at < b.at ? 1 : -1)).slice(0, limit);
        showList(newest, output, RECORDS, cli.console);
        return EXIT.verified;
      }),
    );
  group
    .command("verify")
    .description("whether the logs are as they were written; 1 when one is not")
    .option("--data <dir>", "look into this data folder, without asking anybody")
    .addOption(outputOption())
    .action(({ data, output }: { data?: string; output: Format }) => {
      if (data !== undefined) {
        return cli.offline(async () => verdict(await onDisk(data), output, cli));
      }
      return cli.online(async (api) => {
        const { logs } = await api.get<{
          logs: { log: string; verdict?: AuditVerdict[]; problem?: string }[];
        }>("/audit/verdicts");
        const verdicts = logs.map(({ log, verdict: [one] = [], problem }) => ({
          ...one,
          log,
          ...(problem === undefined ? {} : { problem }),
        }));
        return verdict(verdicts, output, cli);
      });
    });
}

async function newestOf(
  api: Api,
  query: Readonly<Record<string, string | undefined>>,
  limit: number,
): Promise<AuditRecord[]> {
  const found: AuditRecord[] = [];
  let before: number | undefined;
  do {
    const page = await api.get<{ records: AuditRecord[]; next?: number }>("/audit", {
      ...query,
      before,
      limit: Math.min(100, limit - found.length),
    });
    found.push(...page.records);
    before = page.next;
  } while (before !== undefined && found.length < limit);
  return found;
}

function verdict(verdicts: readonly Verdict[], output: Format, { console }: Cli): ExitCode {
  showList(verdicts, output, VERDICTS, console);
  if (verdicts.some(({ intact }) => intact === false)) return EXIT.error;
  if (verdicts.length === 0) {
    console.error("outrider: there is no audit log");
    return EXIT.precondition;
  }
  return verdicts.every(({ intact }) => intact) ? EXIT.verified : EXIT.timedOut;
}

async function onDisk(dir: string): Promise<readonly Verdict[]> {
  try {
    return await verifyDataDirectory(dir);
  } catch (error) {
    throw new EnvironmentError([
      `${dir}: ${error instanceof Error ? error.message : "cannot be read"}`,
    ]);
  }
}

function timeOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const time = new Date(text);
  if (!Number.isNaN(time.getTime())) return time.toISOString();
  throw new EnvironmentError([
    `${JSON.stringify(text)}: expected a time such as 2026-11-23T05:00:00Z`,
  ]);
}
