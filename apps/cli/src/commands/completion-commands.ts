import { Argument, type Command } from "commander";
import { Api } from "../api.js";
import type { Cli } from "../cli.js";
import { completionsOf, type Completions } from "../completion.js";
import { FILES, SCRIPTS, SHELLS, type Shell } from "../completion-scripts.js";
import { readContexts, targetOf } from "../contexts.js";
import { EXIT } from "../exit-code.js";
import { nodesOf } from "../node-list.js";
import { alarmName } from "../telemetry/alarm-rows.js";
import { alarmsOf } from "./alarm-commands.js";
import { locksOf, type AgentRow } from "./get-commands.js";

/** Whoever has pressed a key does not wait longer. */
const PATIENCE_MS = 2000;

export function addCompletionCommands(program: Command, cli: Cli): void {
  program
    .command("completion")
    .description("print what makes a shell complete words, names of nodes too")
    .addArgument(new Argument("<shell>", "which one").choices(SHELLS))
    .action((shell: Shell) =>
      cli.offline(() => {
        cli.console.out(SCRIPTS[shell]);
        return EXIT.verified;
      }),
    );
  program
    .command("__complete", { hidden: true })
    .argument("[word...]")
    .action((words: string[]) =>
      cli.offline(async () => {
        const { words: fixed, dynamic } = completionsOf(program, words);
        const typed = words.at(-1) ?? "";
        const found = await dynamicWords(dynamic, typed, words, cli);
        for (const word of [...fixed, ...found]) {
          if (word === FILES || word.startsWith(typed)) cli.console.out(word);
        }
        return EXIT.verified;
      }),
    );
}

async function dynamicWords(
  dynamic: Completions["dynamic"],
  typed: string,
  words: readonly string[],
  { environment }: Cli,
): Promise<readonly string[]> {
  if (dynamic === undefined) return [];
  if (dynamic === "files") return [FILES];
  try {
    if (dynamic === "contexts") return Object.keys(readContexts(environment).contexts);
    const at = words.indexOf("--context");
    const target = targetOf(environment, at < 0 ? undefined : words[at + 1]);
    const api = new Api(target, AbortSignal.timeout(PATIENCE_MS));
    if (dynamic === "nodes") return await nodeWords(api, typed);
    if (dynamic === "locks") return (await locksOf(api, false)).map(({ id }) => id);
    if (dynamic === "alarms")
      return (await alarmsOf(api, { state: "active" }, 1000)).map(alarmName);
    if (dynamic === "agents")
      return (await api.get<{ agents: AgentRow[] }>("/agents")).agents.map(({ id }) => id);
    const { transitions } = await api.get<{ transitions: { id: string }[] }>("/transitions", {
      active: true,
    });
    return transitions.map(({ id }) => id);
  } catch {
    // A shell that completes has no place for a message.
    return [];
  }
}

/** Nodes, roles and labels, after what stands before the last operator. */
async function nodeWords(api: Api, typed: string): Promise<string[]> {
  const [head = ""] = /^.*[,&!^](?![^[]*\])/.exec(typed) ?? [];
  const nodes = await nodesOf(api, undefined);
  const roles = new Set(nodes.flatMap((node) => node.roles.map((role) => `@${role}`)));
  const labels = new Set(
    nodes.flatMap((node) => Object.entries(node.labels).map(([key, value]) => `${key}=${value}`)),
  );
  const plainLabels = [...labels].filter((label) => /^[\w.=/-]+$/.test(label));
  return [...nodes.map(({ id }) => id), "@all", ...roles, ...plainLabels].map(
    (word) => head + word,
  );
}
