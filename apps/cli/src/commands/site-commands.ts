import { readFile } from "node:fs/promises";
import { EnvironmentError } from "@outrider/contracts/environment";
import type { SiteApplied, SiteFault } from "@outrider/contracts/inventory";
import { Option, type Command } from "commander";
import { agentsSettled } from "../agents-settled.js";
import { ApiError, type Api, type Reply } from "../api.js";
import type { Cli } from "../cli.js";
import { confirmed } from "../confirm.js";
import { countText } from "../count.js";
import { EXIT, type ExitCode } from "../exit-code.js";
import { duration, integer, outputOption, yesOption } from "../options.js";
import { showOne, type Format } from "../output.js";
import { plain } from "../plain.js";

/** So long agents may take to open what changed; a device that does not answer costs some of it. */
const PATIENCE = { default: 20_000, min: 100, max: 600_000 } as const;

interface ApplyOptions {
  readonly file: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly yes?: boolean;
  readonly wait: boolean;
  readonly timeout: number;
  readonly output: Format;
}

export function addSiteCommands(program: Command, cli: Cli): void {
  program
    .command("apply")
    .description("put a site file into force: shows what changes, asks, then all of it or nothing")
    .requiredOption("-f, --file <file>", "the site file, - for standard input")
    .option("--dry-run", "show what would change, and change nothing")
    .option("--force", "also remove nodes that are on, or locked by others")
    .option("--no-wait", "end as soon as it is in force, before agents have opened what changed")
    .addOption(
      new Option("--timeout <duration>", "how long agents are waited for; what is in force stays")
        .argParser(duration(PATIENCE))
        .default(PATIENCE.default, "20s"),
    )
    .addOption(yesOption())
    .addOption(outputOption())
    .action((options: ApplyOptions) => cli.online((api) => apply(api, options, cli)));
  program
    .command("export")
    .description("print the site file in force")
    .addOption(new Option("--revision <n>", "an earlier one").argParser(integer(1, 1e9)))
    .action(({ revision }: { revision?: number }) =>
      cli.online(async (api) => {
        const query = revision === undefined ? "" : `?revision=${revision}`;
        const { text } = await api.ask("GET", `/site/file${query}`);
        cli.console.out(text.trimEnd().split("\n").map(plain).join("\n"));
        return EXIT.verified;
      }),
    );
  program
    .command("proposal")
    .description("what was seen and is not declared; `get proposals` lists it")
    .command("dismiss")
    .description("forget a proposal until the same thing is seen changed")
    .argument("<id>", "id of the proposal")
    .action((id: string) =>
      cli.online(async (api) => {
        await api.delete(`/proposals/${encodeURIComponent(id)}`);
        cli.console.out(plain(`${id}: dismissed`));
        return EXIT.verified;
      }),
    );
}

async function apply(api: Api, options: ApplyOptions, cli: Cli): Promise<ExitCode> {
  const { console } = cli;
  const { file, dryRun = false, force = false, output } = options;
  const text = file === "-" ? await console.input() : await siteText(file);
  let planned: Reply<SiteApplied>;
  try {
    planned = await put(api, text, { dryRun: true, force });
  } catch (error) {
    return refused(error, file, console.error);
  }
  const { body: plan, headers } = planned;
  if (dryRun || output === "table") showChanges(plan, output, cli);
  if (dryRun) return EXIT.verified;
  if (plan.changes.length === 0 && plan.outcome === "unchanged") return EXIT.verified;
  const doIt =
    options.yes === true ||
    (await confirmed(
      `${countText(plan.changes.length, "change goes", "changes go")} into force`,
      console,
    ));
  if (!doIt) return EXIT.usage;
  let generations: Readonly<Record<string, number>>;
  try {
    // Only onto what the differences were shown against.
    const { body } = await put(
      api,
      text,
      { dryRun: false, force },
      headers.get("etag") ?? undefined,
    );
    if (output === "table") console.out(plain(`applied: revision ${body.site?.revision ?? "?"}`));
    else showChanges(body, output, cli);
    generations = body.generations ?? {};
  } catch (error) {
    return refused(error, file, console.error);
  }
  if (!options.wait) return EXIT.verified;
  return agentsSettled(api, generations, options.timeout, console);
}

function put(
  api: Api,
  value: string,
  { dryRun, force }: { readonly dryRun: boolean; readonly force: boolean },
  tag?: string,
): Promise<Reply<SiteApplied>> {
  const query = new URLSearchParams({ dryRun: String(dryRun), force: String(force) });
  return api.ask<SiteApplied>("PUT", `/site/file?${query.toString()}`, {
    text: { type: "application/yaml", value },
    ...(tag === undefined ? {} : { headers: { "if-match": tag } }),
  });
}

/** All that is wrong with a site file, one line each, as a compiler says it. */
function refused(error: unknown, file: string, say: (line: string) => void): ExitCode {
  const faults = error instanceof ApiError ? error.problem["faults"] : undefined;
  if (!(error instanceof ApiError) || !Array.isArray(faults)) throw error;
  for (const { line, path, message } of faults as SiteFault[]) {
    say(plain(`${file}:${line}: ${path}: ${message}`));
  }
  return error.exitCode;
}

function showChanges(applied: SiteApplied, format: Format, { console }: Cli): void {
  if (format !== "table") return showOne(applied, format, applied.outcome, console);
  const signs = { added: "+", removed: "-", changed: "~" } as const;
  for (const { kind, path, before, after } of applied.changes) {
    const values = [before, after].filter((one) => one !== undefined).join(" → ");
    console.out(plain(`${signs[kind]} ${path}${values === "" ? "" : `: ${values}`}`));
  }
  for (const { line, path, message } of applied.warnings ?? []) {
    console.error(plain(`outrider: warning: line ${line}: ${path}: ${message}`));
  }
  if (applied.changes.length === 0) console.out("nothing changes");
}

async function siteText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new EnvironmentError([
      `${file}: ${error instanceof Error ? error.message : "cannot be read"}`,
    ]);
  }
}
