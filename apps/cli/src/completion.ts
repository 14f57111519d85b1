import { QUANTITIES } from "@outrider/contracts/reading";
import type { Argument, Command, Option } from "commander";
import { SEVERITIES } from "./telemetry/event-lines.js";

/** What could stand at the place of the cursor. */
export interface Completions {
  readonly words: readonly string[];
  /** What must be asked for beside the words. */
  readonly dynamic?:
    | "nodes"
    | "files"
    | "contexts"
    | "agents"
    | "transitions"
    | "locks"
    | "alarms"
    | undefined;
}

/**
 * What can follow the words of a line.
 * @param words after the name of the program, the last one being what is typed, maybe empty
 */
export function completionsOf(program: Command, words: readonly string[]): Completions {
  const before = words.slice(0, -1);
  const typed = words.at(-1) ?? "";
  let command = program;
  let operands = 0;
  let awaited: Option | undefined;
  let onlyOperands = false;
  for (const word of before) {
    if (awaited) awaited = undefined;
    else if (onlyOperands) operands += 1;
    else if (word === "--") onlyOperands = true;
    else if (word.startsWith("-")) {
      const option = optionOf(command, word);
      if (option?.required && !word.includes("=")) awaited = option;
    } else {
      const sub = command.commands.find((one) => one.name() === word);
      if (sub && operands === 0) command = sub;
      else {
        command = defaultOf(command) ?? command;
        operands += 1;
      }
    }
  }
  if (awaited) return valuesOf(awaited);
  if (typed.startsWith("-") && !onlyOperands) {
    return {
      words: [...command.options, ...program.options].flatMap(({ long }) => (long ? [long] : [])),
    };
  }
  if (command.commands.length > 0) {
    const unnamed = defaultOf(command);
    return {
      words: command.commands.map((one) => one.name()).filter((name) => !name.startsWith("__")),
      ...(unnamed ? { dynamic: ofArgument(unnamed, 0).dynamic } : {}),
    };
  }
  return ofArgument(command, operands);
}

/** Groups whose name may be followed by the operands of one of their commands at once. */
const DEFAULTS: Readonly<Record<string, string>> = {
  console: "attach",
  rules: "list",
  alarms: "list",
};

function defaultOf(command: Command): Command | undefined {
  return command.commands.find((one) => one.name() === DEFAULTS[command.name()]);
}

function ofArgument(command: Command, operands: number): Completions {
  const all = command.registeredArguments;
  const argument: Argument | undefined = all[Math.min(operands, all.length - 1)];
  if (!argument || (operands >= all.length && !argument.variadic)) return { words: [] };
  const name = argument.name();
  if (name === "nodeset" || name === "node") return { words: [], dynamic: "nodes" };
  if (name === "agent") return { words: [], dynamic: "agents" };
  if (name === "alarm") return { words: [], dynamic: "alarms" };
  if (name === "id") return { words: [], dynamic: dynamicOf(command) };
  if (name === "name" && command.parent?.name() === "context")
    return { words: [], dynamic: "contexts" };
  if (name === "command" || name === "file") return { words: [], dynamic: "files" };
  return { words: argument.argChoices ?? [] };
}

function dynamicOf(command: Command): Completions["dynamic"] {
  const names = [command.name(), command.parent?.name() ?? ""];
  if (names.includes("node")) return "nodes";
  if (names.includes("agent")) return "agents";
  if (names.includes("lock")) return "locks";
  return names.includes("transition") ? "transitions" : undefined;
}

function valuesOf({ argChoices, long }: Option): Completions {
  if (argChoices) return { words: argChoices };
  if (long === "--context") return { words: [], dynamic: "contexts" };
  if (long === "--quantity") return { words: Object.keys(QUANTITIES) };
  if (long === "--severity") return { words: SEVERITIES };
  if (long === "--lock") return { words: [], dynamic: "locks" };
  return { words: [], dynamic: /file|data|output/.test(long ?? "") ? "files" : undefined };
}

function optionOf(command: Command, word: string): Option | undefined {
  const [flag = ""] = word.split("=");
  for (let one: Command | null = command; one; one = one.parent) {
    const found = one.options.find(({ short, long }) => short === flag || long === flag);
    if (found) return found;
  }
  return undefined;
}
