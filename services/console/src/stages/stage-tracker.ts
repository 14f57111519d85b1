import type { ConsoleStage, RuleSign } from "@outrider/contracts/console";
import {
  FACTS,
  PATTERNS,
  isLoginPrompt,
  isUnderVoltage,
  type StagePattern,
} from "./stage-patterns.js";
import { isStamped, withoutStamp } from "./line-stamp.js";

/** A line as {@link StageTracker} wants it: cleaned, with where and when it began. */
export interface StageLine {
  readonly text: string;
  readonly position: number;
  readonly line: number;
  readonly atMicros: number;
  /** When it went on after a pause, if it did. */
  readonly wentOnMicros?: number;
}

/** What a line says. */
export type StageFinding =
  /** A chapter begins; comes before the stage that began it. */
  | { readonly kind: "boot"; readonly at: StageLine }
  | { readonly kind: "stage"; readonly stage: ConsoleStage; readonly at: StageLine }
  | { readonly kind: "sign"; readonly sign: RuleSign; readonly at: StageLine }
  | {
      readonly kind: "fact";
      readonly fact: BootFact;
      readonly value: string;
      readonly at: StageLine;
    };

export const BOOT_FACTS = [
  "serial",
  "board-revision",
  "bootloader-version",
  "boot-mode",
  "kernel-version",
  "kernel-command-line",
] as const;
export type BootFact = (typeof BOOT_FACTS)[number];

/** What is remembered over a restart of the service. */
export interface StageMemory {
  readonly stage: ConsoleStage;
  /** Whether a chapter has begun at all, and when. */
  readonly inBoot?: boolean | undefined;
  readonly bootMicros?: number | undefined;
}

/** How far each stage is; `halted` and `panic` are ends, and come from anywhere. */
const RANKS: Readonly<Record<ConsoleStage, number>> = {
  unknown: 0,
  firmware: 1,
  "boot-loader": 2,
  kernel: 3,
  init: 4,
  login: 5,
  halted: 6,
  panic: 6,
};

/** A console that is registered late prints the kernel's log once more. */
const REPLAY_MICROS = 5_000_000;
/** The news that the supply is on, and the first bytes that it caused, come in any order. */
const SUPPLY_MICROS = 3_000_000;
/** One failure is told in several lines. */
const SAME_SIGN_MICROS = 2_000_000;

/**
 * Follows how far a machine has come by what its console says. A chapter begins with what only a start says, when the
 * chapter before had got further or had ended, or when the supply was switched on. Text that looks like a start and is
 * none, such as `dmesg` read at the console, cannot be told apart and begins a chapter too.
 */
export class StageTracker {
  #stage: ConsoleStage;
  #ended: boolean;
  #bootMicros: number | undefined;
  /** When the supply came on that no chapter has begun with yet. */
  #supplyMicros: number | undefined;
  /** What this chapter has said that is said once in a start. */
  readonly #banners = new Set<string>();
  readonly #facts = new Map<BootFact, string>();
  readonly #signMicros = new Map<RuleSign, number>();
  /** What stood last at the end of a line for a while: whatever follows it was said by somebody else. */
  #idle: StageLine | undefined;

  constructor(
    memory: StageMemory,
    readonly onFinding: (finding: StageFinding) => void,
  ) {
    this.#stage = memory.stage;
    this.#bootMicros = memory.bootMicros ?? (memory.inBoot ? 0 : undefined);
    this.#ended = RANKS[memory.stage] === RANKS.halted;
  }

  get stage(): ConsoleStage {
    return this.#stage;
  }

  /** The supply was switched on. */
  supplyOn(atMicros: number): void {
    if (this.#bootMicros !== undefined && this.#bootMicros > atMicros - SUPPLY_MICROS) return;
    this.#supplyMicros = atMicros;
  }

  /** A line, or a piece of one that was too long. */
  line(at: StageLine): void {
    if (this.#isAfterSupply(at) && at.text !== "") this.#begin(at);
    this.#patterns(withoutStamp(at.text), at, () => true);
    const late = this.#afterIdle(at);
    if (late !== undefined && isStamped(late)) {
      const now = { ...at, atMicros: at.wentOnMicros ?? at.atMicros };
      this.#patterns(withoutStamp(late), now, isOfKernel);
    }
    if (isUnderVoltage(at.text)) this.#sign("under-voltage", at);
    if (isLoginPrompt(at.text)) this.#login(at);
  }

  /** A line that has no end although nothing more has come for a while. */
  prompt(at: StageLine): void {
    this.#idle = at;
    if (isLoginPrompt(at.text)) this.#login(at);
  }

  #patterns(text: string, at: StageLine, counts: (pattern: StagePattern) => boolean): void {
    for (const pattern of PATTERNS.get(text.slice(0, 3)) ?? []) {
      if (counts(pattern) && pattern.matches(text)) this.#apply(pattern, text, at);
    }
  }

  /** What came behind a prompt that had stood on its line for a while; undefined: no such line. */
  #afterIdle(at: StageLine): string | undefined {
    const idle = this.#idle;
    if (!idle || at.position < idle.position) return undefined;
    this.#idle = undefined;
    const goesOn = at.position === idle.position && at.text.startsWith(idle.text);
    return goesOn ? at.text.slice(idle.text.length) : undefined;
  }

  #login(at: StageLine): void {
    if (this.#stage === "login") return;
    if (this.#ended) this.#begin(at);
    this.#reach("login", at);
    this.#sign("login", at);
  }

  #apply(pattern: StagePattern, text: string, at: StageLine): void {
    if (pattern.sign === "panic" && this.#stage === "panic") return;
    if (pattern.starts && this.#startsChapter(pattern, text, at)) this.#begin(at);
    if (pattern.starts === "banner") this.#banners.add(bannerOf(pattern, text));
    if (pattern.stage) this.#reach(pattern.stage, at);
    if (pattern.sign) this.#sign(pattern.sign, at);
    if (pattern.ends) this.#ended = true;
    for (const [fact, find] of FACTS) {
      const value = pattern.facts?.includes(fact) ? find.exec(text)?.[1] : undefined;
      if (value === undefined || this.#facts.get(fact) === value) continue;
      this.#facts.set(fact, value);
      this.onFinding({ kind: "fact", fact, value, at });
    }
  }

  #startsChapter(pattern: StagePattern, text: string, at: StageLine): boolean {
    if (this.#bootMicros === undefined || this.#ended) return true;
    const rank = RANKS[pattern.stage ?? "unknown"];
    if (pattern.starts === "line") return RANKS[this.#stage] >= Math.max(RANKS.kernel, rank + 1);
    if (RANKS[this.#stage] > rank) return true;
    if (!this.#banners.has(bannerOf(pattern, text))) return false;
    return rank < RANKS.kernel || at.atMicros - this.#bootMicros > REPLAY_MICROS;
  }

  #isAfterSupply(at: StageLine): boolean {
    return this.#supplyMicros !== undefined && at.atMicros > this.#supplyMicros - SUPPLY_MICROS;
  }

  #begin(at: StageLine): void {
    // Bytes can be told long after they came: those before the supply are of an earlier start.
    if (this.#isAfterSupply(at)) this.#supplyMicros = undefined;
    this.#ended = false;
    this.#stage = "unknown";
    this.#bootMicros = at.atMicros;
    this.#banners.clear();
    this.#facts.clear();
    this.#signMicros.clear();
    this.onFinding({ kind: "boot", at });
  }

  #reach(stage: ConsoleStage, at: StageLine): void {
    // What goes on being said after an end does not undo it.
    if (RANKS[stage] <= RANKS[this.#stage] && !(this.#ended && RANKS[stage] === RANKS.halted))
      return;
    if (stage === this.#stage) return;
    this.#stage = stage;
    this.onFinding({ kind: "stage", stage, at });
  }

  #sign(sign: RuleSign, at: StageLine): void {
    const last = this.#signMicros.get(sign);
    const isSame = last !== undefined && Math.abs(at.atMicros - last) < SAME_SIGN_MICROS;
    if (isSame && sign !== "oom-kill") return;
    this.#signMicros.set(sign, at.atMicros);
    this.onFinding({ kind: "sign", sign, at });
  }
}

/** A kernel that fails or ends says so wherever the cursor stands; one that starts finds an empty line. */
function isOfKernel({ sign, ends }: StagePattern): boolean {
  return sign !== undefined || ends === true;
}

function bannerOf(pattern: StagePattern, text: string): string {
  return pattern.banner?.exec(text)?.[0] ?? text.slice(0, 3);
}
