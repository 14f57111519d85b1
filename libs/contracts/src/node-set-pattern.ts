import { ID_PATTERN } from "./ids.js";
import { NodeSetError } from "./node-set-error.js";

/** One part of a node set that names nodes: text with ranges in brackets, `n[1-3]r[01-20/2]`. */

interface Range {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  /** Digits of each number; 0 where zeros do not lead. */
  readonly width: number;
}

/** Text and lists of ranges in turn; the first and the last are text. */
interface Pieces {
  readonly texts: readonly string[];
  readonly ranges: readonly (readonly Range[])[];
}

const RANGE = /^(\d{1,15})(?:-(\d{1,15})(?:\/(\d{1,15}))?)?$/;

/** How many names a pattern stands for. @throws NodeSetError */
export function patternSize(pattern: string, column: number): number {
  const { ranges } = readPieces(pattern, column);
  return ranges.reduce(
    (product, list) => product * list.reduce((sum, range) => sum + sizeOf(range), 0),
    1,
  );
}

/** The names that a pattern stands for. Bounded by whoever has asked for {@link patternSize}. @throws NodeSetError */
export function expandPattern(pattern: string, column: number): string[] {
  const { texts, ranges } = readPieces(pattern, column);
  let names = [texts[0] ?? ""];
  for (const [at, list] of ranges.entries()) {
    const numbers = list.flatMap((range) => [...numbersOf(range)]);
    const text = texts[at + 1] ?? "";
    names = names.flatMap((name) => numbers.map((number) => `${name}${number}${text}`));
  }
  for (const name of names) {
    if (ID_PATTERN.test(name)) continue;
    throw new NodeSetError(
      column,
      "ids of lower-case letters, digits and inner hyphens, at most 63, with ranges like [1-3,7]",
    );
  }
  return names;
}

function sizeOf({ from, to, step }: Range): number {
  return Math.floor((to - from) / step) + 1;
}

function* numbersOf({ from, to, step, width }: Range): Iterable<string> {
  for (let number = from; number <= to; number += step) yield String(number).padStart(width, "0");
}

function readPieces(pattern: string, column: number): Pieces {
  const texts: string[] = [];
  const ranges: Range[][] = [];
  let at = 0;
  for (;;) {
    const open = pattern.indexOf("[", at);
    texts.push(pattern.slice(at, open < 0 ? undefined : open));
    if (open < 0) return { texts, ranges };
    const close = pattern.indexOf("]", open);
    if (close < 0) throw new NodeSetError(column + pattern.length, "a closing ]");
    ranges.push(readRanges(pattern.slice(open + 1, close), column + open + 1));
    at = close + 1;
  }
}

function readRanges(text: string, column: number): Range[] {
  let offset = 0;
  return text.split(",").map((word) => {
    const range = readRange(word.trim(), column + offset);
    offset += word.length + 1;
    return range;
  });
}

function readRange(word: string, column: number): Range {
  const match = RANGE.exec(word);
  if (!match) throw new NodeSetError(column, "a number, or a range like 1-8 or 1-9/2");
  const [, first = "", last = first, every = "1"] = match;
  const [from, to, step] = [Number(first), Number(last), Number(every)];
  const isPadded = (digits: string): boolean => digits.length > 1 && digits.startsWith("0");
  if ((isPadded(first) || isPadded(last)) && first.length !== last.length) {
    throw new NodeSetError(
      column,
      "both ends of a range with the same number of digits where zeros lead",
    );
  }
  if (to < from) throw new NodeSetError(column, "a range that ends at or above its begin");
  if (step < 1) throw new NodeSetError(column, "a step of 1 or more");
  return { from, to, step, width: isPadded(first) ? first.length : 0 };
}
