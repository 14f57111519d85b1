import { ESCAPE_PATTERN, REPLAY_PATTERN } from "@outrider/contracts/console-attach";
import { SYSRQ_NAMES, type SysRqName } from "@outrider/contracts/console";
import { ID_PATTERN } from "@outrider/contracts/ids";

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
      readonly replay: string;
      readonly follow: boolean;
      readonly raw: boolean;
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

export interface ExecProblem {
  readonly problem: string;
}

export const DEFAULT_ESCAPE = "^Ec";

export const EXEC_HELP = `What can be said to a console:
  (nothing)                  attach; types if nobody does, else looks on
  attach | spy | take        the same; look on; take the console from who types
                               [--replay none|screen|boot|lines:N|since:10m] [--escape ^Ec|none]
  raw [--spy|--take]         exact bytes in and out, no escape, no notices, for programs
  log                        the last 100 lines; [-n N] [--since 10m] [--boot] [--previous-boot] [-f] [--raw]
  who                        who is at the console
  break [NAME] [--take]      a break, or a break sequence that the site declares
  sysrq NAME... [--take]     Magic SysRq by name: ${SYSRQ_NAMES.slice(0, 6).join(", ")} ...
  list                       the consoles that you may see
  help                       this
Where the user name says no console it is the last word: ssh ada@manager -p 2222 log n1
At a console: ^Ec. leaves, ^Ec? lists what else there is, and so does ~B of OpenSSH (break).
`;

const FLAGS = new Set(["--spy", "--take", "-f", "--follow", "--boot", "--previous-boot", "--raw"]);
const VALUES = new Set(["--replay", "--escape", "--lines", "-n", "--since"]);
const MAX_CHARACTERS = 1000;

interface Words {
  readonly plain: string[];
  readonly flags: Set<string>;
  readonly values: Map<string, string>;
}

/** @param node the console that the user name says, if it does */
export function readExecCommand(text: string, node: string | undefined): ExecCommand | ExecProblem {
  if (text.length > MAX_CHARACTERS) return { problem: "this command is too long" };
  const words = wordsOf(text);
  if ("problem" in words) return words;
  const verb = words.plain.shift() ?? "attach";
  if (verb === "help" || verb === "--help") return { verb: "help" };
  if (verb === "list" || verb === "ls") return { verb: "list" };
  const target = node ?? words.plain.pop();
  if (target === undefined) return { problem: "say which console, as the last word" };
  if (!ID_PATTERN.test(target)) return { problem: "this is no name of a console" };
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
      const replay = logReplay(words);
      if (!REPLAY_PATTERN.test(replay)) return { problem: "log: -n N, --since 10m, --boot" };
      const follow = flags.has("-f") || flags.has("--follow");
      return { verb, node, replay, follow, raw: flags.has("--raw") };
    }
    case "break": {
      const name = plain.shift();
      if (name !== undefined && !ID_PATTERN.test(name))
        return { problem: "no such break sequence" };
      return { verb, node, take, name };
    }
    case "sysrq": {
      const named = plain.splice(0);
      if (!named.every(isSysRqName) || named.length === 0 || named.length > 8) {
        return { problem: `sysrq: one to eight of ${SYSRQ_NAMES.join(", ")}` };
      }
      return { verb, node, take, keys: named };
    }
    default:
      return { problem: `there is no such command; see "help"` };
  }
}

const isSysRqName = (word: string): word is SysRqName =>
  (SYSRQ_NAMES as readonly string[]).includes(word);

function logReplay({ flags, values }: Words): string {
  const since = values.get("--since");
  if (since !== undefined) return `since:${since}`;
  if (flags.has("--boot")) return "boot";
  if (flags.has("--previous-boot")) return "previous-boot";
  return `lines:${values.get("--lines") ?? values.get("-n") ?? "100"}`;
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
    else if (VALUES.has(word)) {
      const value = all.shift();
      if (value === undefined) return { problem: `${word} wants a value` };
      words.values.set(word, value);
    } else if (word.startsWith("-") && word !== "--help") {
      return { problem: `there is no such option; see "help"` };
    } else words.plain.push(word);
  }
  return words;
}
