import type { ConsoleStage, RuleSign } from "@outrider/contracts/console";

/** A line as {@link StageTracker} wants it: cleaned, with where and when it began. */
export interface StageLine {
  readonly text: string;
  readonly position: number;
  readonly line: number;
  readonly atMicros: number;
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

/** What is remembered over a restart: `ConsoleLog.boots` has both. */
export interface StageMemory {
  readonly stage: ConsoleStage;
  /** Whether a chapter has begun at all. */
  readonly inBoot: boolean;
}
