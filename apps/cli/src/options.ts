import { parseDuration } from "@outrider/contracts/clock";
import { NodeSetError, parseNodeSet } from "@outrider/contracts/node-set";
import { InvalidArgumentError, Option, type Command } from "commander";
import { FORMATS } from "./output.js";

/** Options and arguments that several commands have. What is wrong is said before anything is asked. */

export function outputOption(): Option {
  return new Option("-o, --output <format>", "how to print").choices(FORMATS).default("table");
}

/** Of nodes: also those alike on one line. */
export function nodesOutputOption(): Option {
  return new Option("-o, --output <format>", "how to print; folded has a line for each state")
    .choices([...FORMATS, "folded"])
    .default("table");
}

export function reasonOption(): Option {
  return new Option("--reason <text>", "why; kept with it and in the audit log").argParser(reason);
}

export function yesOption(): Option {
  return new Option("-y, --yes", "do not ask");
}

/** Several words are one node set, as if commas stood between them. */
export function nodesArgument(command: Command, mandatory = true): Command {
  const name = mandatory ? "<nodeset...>" : "[nodeset...]";
  return command.argument(name, "node set: n[01-08,11], @role, label=value, @all", nodeSet);
}

function nodeSet(text: string, before?: readonly string[]): string[] {
  const words = [...(before ?? []), text];
  try {
    parseNodeSet(words.join(","));
  } catch (error) {
    if (error instanceof NodeSetError) throw new InvalidArgumentError(`${error.message}.`);
    throw error;
  }
  return words;
}

/** @param bounds in milliseconds */
export function duration(bounds: { readonly min: number; readonly max: number }) {
  return (text: string): number => {
    const span = parseDuration(/^\d+$/.test(text) ? `${text}s` : text);
    if (span === undefined || span < bounds.min || span > bounds.max) {
      const [least, most] = [bounds.min, bounds.max].map(durationText);
      throw new InvalidArgumentError(
        `Expected a duration from ${least} to ${most}, such as 30s or 5m.`,
      );
    }
    return span;
  };
}

export function integer(min: number, max: number) {
  return (text: string): number => {
    const number = Number(text);
    if (/^\d{1,15}$/.test(text) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`Expected a number from ${min} to ${max}.`);
  };
}

/** A time, which the gateway reads; so long before now is told as it was written. */
export function timeOption(flag: "--since" | "--until"): Option {
  return new Option(
    `${flag} <time>`,
    "so long before now (10m, 2d), a date, or a time (RFC 3339)",
  ).argParser(time);
}

/** As the gateway reads it. */
function time(text: string): string {
  if (parseDuration(text) !== undefined) return text;
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) {
    throw new InvalidArgumentError("Expected a time such as 10m, 2d or 2026-11-23T05:00:00Z.");
  }
  return date.toISOString();
}

/** Words with commas between them, each of which is known. */
export function wordsOf(known: readonly string[], what: string) {
  return (text: string): string[] => {
    const words = text.split(",").map((word) => word.trim());
    const strange = words.find((word) => !known.includes(word));
    if (strange === undefined) return words;
    throw new InvalidArgumentError(`Expected ${what}: ${known.join(", ")}.`);
  };
}

function reason(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("Expected a reason.");
  if (text.length > 500) throw new InvalidArgumentError("Expected at most 500 characters.");
  return text;
}

function durationText(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  if (ms % 86_400_000 === 0 && ms > 0) return `${ms / 86_400_000}d`;
  return `${ms / 1000}s`;
}
