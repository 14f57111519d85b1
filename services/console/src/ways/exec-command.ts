import { ESCAPE_PATTERN, REPLAY_PATTERN } from "@outrider/contracts/console-attach";
import { SYSRQ_NAMES, sysRqName, type SysRqName } from "@outrider/contracts/console";
import { ID_PATTERN } from "@outrider/contracts/ids";
import { sinceOf } from "../sessions/replay-start.js";

/** What can be said after the host on the command line of ssh: `ssh n1@manager -p 2222 log --since 10m`. */
export type ExecCommand =
  | { readonly verb: "help" | "list" }
  | { readonly verb: "who"; readonly node: string }
  | {
      readonly verb: "attach";
      readonly node: string;
      readonly mode: "write" | "spy" | "take";
      readonly replay: string | undefined;
      readonly escape: string;
    }
  | { readonly verb: "raw"; readonly node: string; readonly mode: "write" | "spy" | "take" }
  | {
      readonly verb: "log";
      readonly node: string;
      readonly wish: LogWords;
    }
  | {
      readonly verb: "break";
      readonly node: string;
      readonly take: boolean;
      readonly name: string | undefined;
    }
  | {
      readonly verb: "sysrq";
      readonly node: string;
      readonly take: boolean;
      readonly keys: SysRqName[];
    };

/** What of a log is wanted, as words: times as a span before now or RFC 3339. */
export interface LogWords {
  readonly since?: string;
  readonly until?: string;
  readonly lines?: number;
  readonly boot?: number;
  readonly format: "text" | "raw" | "jsonl";
  readonly follow: boolean;
}

export interface ExecProblem {
  readonly problem: string;
  /** The command is one, but there is no such console. */
  readonly noConsole?: true;
}

/** What is known where the user name says no console. */
export interface Unnamed {
  /** Whether they may see such a console. */
  readonly isConsole: (name: string) => boolean;
  /** Said where no console is named otherwise: the user name was meant as one, as it seems. */
  readonly hint: string | undefined;
}

export const DEFAULT_ESCAPE = "^Ec";

export const EXEC_HELP = `What can be said to a console:
  (nothing)                  attach; types if nobody does, else looks on
  attach | spy | take        the same; look on; take the console from who types
                               [--replay none|screen|boot|lines:N|since:10m] [--escape ^Ec|none]
  raw [--spy|--take]         exact bytes in and out, no escape, no notices, for programs
  log                        the last 200 lines, marks and gaps counted, a time before each;
                               [-n N|all] [--since 10m|TIME] [--until TIME] [--boot [N]] [--previous-boot] [-f] [--raw] [--json]
  who                        who is at the console
  break [NAME] [--take]      a break, or a break sequence that the site declares
  sysrq NAME... [--take]     Magic SysRq by name or key: ${SYSRQ_NAMES.slice(0, 6).join(", ")}, loglevel-7 ...
  list                       the consoles that you may see
  help                       this
Where the user name says no console it is the last word: ssh ada@manager -p 2222 log n1
At a console: ^Ec. leaves, ^Ec? lists what else there is, and so does ~B of OpenSSH (break).
`;

const FLAGS = new Set(["--spy", "--take", "-f", "--follow", "--previous-boot", "--raw", "--json"]);
const VALUES = new Set(["--replay", "--escape", "--lines", "-n", "--since", "--until"]);
/** A person who asks for a log without more is shown so many lines. */
const LINES = 200;
const MAX_CHARACTERS = 1000;

interface Words {
  readonly plain: string[];
  readonly flags: Set<string>;
  readonly values: Map<string, string>;
}

/** @param node the console that the user name says, if it does */
export function readExecCommand(
  text: string,
  node: string | undefined,
  unnamed?: Unnamed,
): ExecCommand | ExecProblem {
  if (text.length > MAX_CHARACTERS) return { problem: "this command is too long" };
  const words = wordsOf(text);
  if ("problem" in words) return words;
  const verb = words.plain.shift() ?? "attach";
  if (verb === "help" || verb === "--help") return { verb: "help" };
  if (verb === "list" || verb === "ls") return { verb: "list" };
  const target = node ?? words.plain.pop();
  if (node === undefined && unnamed?.hint !== undefined) {
    const isNamed = target !== undefined && unnamed.isConsole(target);
    if (!isNamed) return { problem: unnamed.hint, noConsole: true };
  }
  if (target === undefined) return { problem: "say which console, as the last word" };
  if (!ID_PATTERN.test(target)) return { problem: "this is no name of a console" };
  if (node === undefined && unnamed && !unnamed.isConsole(target)) {
    return { problem: `there is no console ${target} that you may see`, noConsole: true };
  }
  const command = commandOf(verb, target, words);
  if ("problem" in command) return command;
  if (words.plain.length > 0) return { problem: `this is too much; see "help"` };
  return command;
}

function commandOf(verb: string, node: string, words: Words): ExecCommand | ExecProblem {
  const { plain, flags, values } = words;
  const take = flags.has("--take");
  switch (verb) {
    case "attach":
    case "spy":
    case "take": {
      const replay = values.get("--replay");
      const escape = values.get("--escape") ?? DEFAULT_ESCAPE;
      if (replay !== undefined && !REPLAY_PATTERN.test(replay)) {
        return { problem: "--replay: none, screen, boot, lines:N, since:10m" };
      }
      if (!ESCAPE_PATTERN.test(escape)) return { problem: "--escape: as ^Ec, or none" };
      const mode = verb === "attach" ? modeOf(flags) : verb;
      return { verb: "attach", node, mode, replay, escape };
    }
    case "raw":
      return { verb, node, mode: modeOf(flags) };
    case "who":
      return { verb, node };
    case "log": {
      const wish = logWords(words);
      return "problem" in wish ? wish : { verb, node, wish };
    }
    case "break": {
      const name = plain.shift();
      if (name !== undefined && !ID_PATTERN.test(name))
        return { problem: "no such break sequence" };
      return { verb, node, take, name };
    }
    case "sysrq": {
      const named = plain.splice(0);
      const keys = named.flatMap((word) => sysRqName(word) ?? []);
      if (keys.length !== named.length || named.length === 0 || named.length > 8) {
        return { problem: `sysrq: one to eight of ${SYSRQ_NAMES.join(", ")}, or their keys` };
      }
      return { verb, node, take, keys };
    }
    default:
      return { problem: `there is no such command; see "help"` };
  }
}

function logWords({ flags, values }: Words): LogWords | ExecProblem {
  const since = values.get("--since");
  const until = values.get("--until");
  for (const [name, text] of [
    ["--since", since],
    ["--until", until],
  ] as const) {
    if (text !== undefined && sinceOf(text, 0) === undefined) {
      return { problem: `${name}: so long before now (10m, 2d), or a time (2026-11-23T08:00:00Z)` };
    }
  }
  const count = values.get("--lines") ?? values.get("-n");
  if (count !== undefined && !/^(all|[1-9]\d{0,6})$/.test(count)) {
    return { problem: "-n: how many lines, or all" };
  }
  const boot = flags.has("--previous-boot") ? "-1" : values.get("--boot");
  const beginnings = [since, count, boot].filter((one) => one !== undefined);
  if (beginnings.length > 1) {
    return { problem: "log: say once where it begins: -n, --since, --boot or --previous-boot" };
  }
  if (flags.has("--raw") && flags.has("--json")) return { problem: "log: --raw or --json" };
  const isBounded = beginnings.length > 0 || until !== undefined;
  const lines = count === undefined ? (isBounded ? undefined : LINES) : Number(count);
  return {
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(lines === undefined || Number.isNaN(lines) ? {} : { lines }),
    ...(boot === undefined ? {} : { boot: Number(boot) }),
    format: flags.has("--raw") ? "raw" : flags.has("--json") ? "jsonl" : "text",
    follow: flags.has("-f") || flags.has("--follow"),
  };
}

function modeOf(flags: ReadonlySet<string>): "write" | "spy" | "take" {
  if (flags.has("--spy")) return "spy";
  return flags.has("--take") ? "take" : "write";
}

function wordsOf(text: string): Words | ExecProblem {
  const words: Words = { plain: [], flags: new Set(), values: new Map() };
  const all = text
    .trim()
    .split(/\s+/)
    .filter((word) => word !== "");
  for (let word = all.shift(); word !== undefined; word = all.shift()) {
    if (FLAGS.has(word)) words.flags.add(word);
    // The last one, where no number follows.
    else if (word === "--boot") {
      words.values.set(word, /^-?\d{1,6}$/.test(all[0] ?? "") ? (all.shift() ?? "0") : "0");
    } else if (VALUES.has(word)) {
      const value = all.shift();
      if (value === undefined) return { problem: `${word} wants a value` };
      words.values.set(word, value);
    } else if (word.startsWith("-") && word !== "--help") {
      return { problem: `there is no such option; see "help"` };
    } else words.plain.push(word);
  }
  return words;
}
