import { LEASE_MS, type Lock } from "@outrider/contracts/lock";
import { mintCommandId } from "@outrider/messaging/mint-id";
import { Option, type Command } from "commander";
import type { Api } from "../api.js";
import type { Cli } from "../cli.js";
import { EXIT, type ExitCode } from "../exit-code.js";
import { LOCK_COLUMNS } from "../lock-rows.js";
import { awaitHeld, runLocked } from "../locked-run.js";
import { duration, integer, nodesArgument, outputOption, reasonOption } from "../options.js";
import { showList, showOne, type Format } from "../output.js";
import { plain } from "../plain.js";
import { locksOf } from "./get-commands.js";

interface AcquireOptions {
  readonly reason?: string;
  readonly lease: number;
  readonly priority?: number;
  readonly queue?: boolean;
  readonly output: Format;
}

export function addLockCommands(program: Command, cli: Cli): void {
  const group = program.command("lock").description("keep nodes for oneself for a while");
  acquiring(nodesArgument(group.command("acquire").description("lock nodes, all of them or none")))
    .addOption(outputOption())
    .action((nodes: string[], options: AcquireOptions) =>
      cli.online(async (api) => show(await acquire(api, nodes, options, cli), options.output, cli)),
    );
  acquiring(
    group
      .command("run")
      .description("hold a lock while a command runs; OUTRIDER_LOCK tells it the id")
      .argument("<nodeset>", "node set: n[01-08,11], @role, label=value, @all")
      .argument("<command...>", "the command, after --"),
  ).action((nodes: string, words: string[], options: AcquireOptions) =>
    cli.online(async (api) => {
      const lock = await acquire(api, [nodes], options, cli);
      return runLocked(api, lock, words, options.lease, cli);
    }),
  );
  group
    .command("renew")
    .description("extend a lease from now")
    .argument("<id>", "id of the lock")
    .addOption(leaseOption(undefined))
    .addOption(outputOption())
    .action((id: string, { lease, output }: { lease?: number; output: Format }) =>
      cli.online(async (api) =>
        show(await api.post<Lock>(`${pathOf(id)}/renew`, { leaseMs: lease }), output, cli),
      ),
    );
  group
    .command("release")
    .description("give a lock back, or leave the queue")
    .argument("<id>", "id of the lock")
    .addOption(outputOption())
    .action((id: string, { output }: { output: Format }) =>
      cli.online(async (api) => show(await api.delete<Lock>(pathOf(id)), output, cli)),
    );
  group
    .command("break")
    .description("take a lock from its holder; what the holder has under way is refused")
    .argument("<id>", "id of the lock")
    .addOption(reasonOption())
    .addOption(outputOption())
    .action((id: string, given: { reason?: string; output: Format }) =>
      cli.online(async (api) => {
        const reason = given.reason ?? (await askedReason(id, cli));
        if (reason === undefined) return EXIT.usage;
        return show(await api.post<Lock>(`${pathOf(id)}/break`, { reason }), given.output, cli);
      }),
    );
  group
    .command("list")
    .description("locks that are held or queued")
    .option("--ended", "also those that have ended")
    .addOption(outputOption())
    .action(({ ended = false, output }: { ended?: boolean; output: Format }) =>
      cli.online(async (api) => {
        showList(await locksOf(api, ended), output, LOCK_COLUMNS, cli.console);
        return EXIT.verified;
      }),
    );
}

function acquiring(command: Command): Command {
  return command
    .addOption(reasonOption())
    .addOption(leaseOption(LEASE_MS.default))
    .addOption(
      new Option("--priority <n>", "higher goes first in the queue, 0 to 100").argParser(
        integer(0, 100),
      ),
    )
    .option("--queue", "wait in the queue when it is not free");
}

function leaseOption(fallback: number | undefined): Option {
  const option = new Option("--lease <duration>", "how long it lasts unless renewed").argParser(
    duration(LEASE_MS),
  );
  return fallback === undefined ? option : option.default(fallback, "10m");
}

/** Acquires, and waits in the queue where that was asked for. Ctrl-C leaves the queue. */
async function acquire(
  api: Api,
  nodes: readonly string[],
  { reason, lease, priority, queue }: AcquireOptions,
  cli: Cli,
): Promise<Lock> {
  const id = mintCommandId();
  const body = { id, nodes: nodes.join(","), reason, leaseMs: lease, priority, queue };
  return awaitHeld(api, await api.post<Lock>("/locks", body), cli);
}

/** The holder is told why. Undefined where nobody can be asked, or nothing was answered. */
async function askedReason(id: string, { console }: Cli): Promise<string | undefined> {
  const answer = (await console.ask(`Why is lock ${plain(id)} broken? `))?.trim() ?? "";
  if (answer !== "") return answer.slice(0, 500);
  console.error(
    plain(`outrider: nothing was done; say why: outrider lock break ${id} --reason "…"`),
  );
  return undefined;
}

function show(lock: Lock, format: Format, { console }: Cli): ExitCode {
  if (format === "table") {
    const until = lock.state === "Held" && lock.until !== undefined ? ` until ${lock.until}` : "";
    console.out(plain(`${lock.id}: ${lock.nodes} ${lock.state}${until}`));
  } else showOne(lock, format, lock.id, console);
  return EXIT.verified;
}

function pathOf(id: string): string {
  return `/locks/${encodeURIComponent(id)}`;
}
