import type { TextLine } from "../log/console-log.js";
import { foldCase } from "../log/trigram-filter.js";
import type { PatternRule } from "./rule-set.js";
import { WorkBudget } from "./work-budget.js";

/**
 * What looking costs, in characters: a text is searched for about thirty times as fast as an expression is followed
 * (measured: 300 to 500 MB/s, and 3 to 15 MB/s).
 */
const EXPRESSION_COST = 32;
/** One console may cost about a hundredth of a core, all of them together about a tenth. */
const PER_CONSOLE = { unitsPerSecond: 4_000_000, burst: 8_000_000 };
const PER_SERVICE = { unitsPerSecond: 40_000_000, burst: 40_000_000 };

export function serviceBudget(nowMs: number): WorkBudget {
  return new WorkBudget(PER_SERVICE.unitsPerSecond, PER_SERVICE.burst, nowMs);
}

/** Asks the patterns of one console of its lines, within bounds, and counts the lines that it had to pass over. */
export class LineMatcher {
  readonly #budget: WorkBudget;
  passedOver = 0;

  constructor(
    private readonly all: WorkBudget,
    nowMs: number,
    limits: { readonly unitsPerSecond: number; readonly burst: number } = PER_CONSOLE,
  ) {
    this.#budget = new WorkBudget(limits.unitsPerSecond, limits.burst, nowMs);
  }

  /** Those that fit the line. A piece of a line too long counts as a line. */
  match(line: TextLine, patterns: readonly PatternRule[], nowMs: number): readonly PatternRule[] {
    if (patterns.length === 0 || line.text === "") return NONE;
    const { text } = line;
    if (!this.#spend(text.length * (patterns.length + 1), nowMs)) return this.#passOver();
    const folded = foldCase(text);
    const candidates = patterns.filter(({ pattern: { required } }) => mayHold(folded, required));
    if (candidates.length === 0) return NONE;
    if (!this.#spend(text.length * EXPRESSION_COST * candidates.length, nowMs)) {
      return this.#passOver();
    }
    return candidates.filter(({ pattern }) => pattern.find(text) !== undefined);
  }

  #passOver(): readonly PatternRule[] {
    this.passedOver += 1;
    return NONE;
  }

  #spend(units: number, nowMs: number): boolean {
    return this.#budget.spend(units, nowMs) && this.all.spend(units, nowMs);
  }
}

const NONE: readonly PatternRule[] = [];

function mayHold(folded: string, required: readonly (readonly string[])[] | undefined): boolean {
  if (!required) return true;
  return required.some((texts) => texts.every((text) => folded.includes(text)));
}
