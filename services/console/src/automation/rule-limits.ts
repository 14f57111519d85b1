/** What bounds a rule on one node. Pure: times are handed in, in milliseconds of a monotonic clock. */

/** A capture takes in what follows for so long. */
export const CAPTURE_FOLLOWS_MS = 5000;
/** The kernel is given so long to do what a SysRq asked of it, before power is acted upon. */
export const AFTER_SYSRQ_MS = 5000;
/** Even in a storm of starts an event of one rule on one node is made this often at most. */
export const LEAST_BETWEEN_TELLING_MS = 5000;
/** A rule acts this often at most, whatever its cooldown. */
export const LEAST_BETWEEN_ACTS_MS = 1000;
/** However often it has doubled, the pause between two power actions is no longer. */
export const LONGEST_BACK_OFF_MS = 3_600_000;
/** What was said longer ago than this is told and not acted upon: the machine may be another one by now. */
export const TOO_OLD_MS = 120_000;

export interface Limits {
  readonly cooldownMs: number;
  readonly maxPowerActions: number;
}

/** When a rule did something last on a node. */
export interface Doings {
  toldMs: number | undefined;
  /** The boot that was told of last. */
  toldBoot: number | undefined;
  actedMs: number | undefined;
  /** Power actions since a login. */
  powerActions: number;
}

/** Whether a match is told: after the cooldown, and the first of a boot also before. */
export function tells(
  { toldMs, toldBoot }: Doings,
  boot: number,
  nowMs: number,
  limits: Limits,
): boolean {
  if (toldMs === undefined) return true;
  const sinceMs = nowMs - toldMs;
  if (sinceMs >= limits.cooldownMs && sinceMs >= LEAST_BETWEEN_ACTS_MS) return true;
  return boot !== toldBoot && sinceMs >= Math.min(limits.cooldownMs, LEAST_BETWEEN_TELLING_MS);
}

/** The pause after the last act: the cooldown, twice as long after each further power action without a login. */
export function pauseMs(powerActions: number, { cooldownMs }: Limits): number {
  const base = Math.max(cooldownMs, LEAST_BETWEEN_ACTS_MS);
  const doubled = base * 2 ** Math.min(20, Math.max(0, powerActions - 1));
  return Math.max(base, Math.min(doubled, LONGEST_BACK_OFF_MS));
}

/** How long it must wait before it may act again. */
export function waitMs({ actedMs, powerActions }: Doings, nowMs: number, limits: Limits): number {
  if (actedMs === undefined) return 0;
  return Math.max(0, actedMs + pauseMs(powerActions, limits) - nowMs);
}

/** How long until a rule acts on power that waits so long before its first action. */
export function powerInMs(
  beforeMs: number,
  { captures, presses }: { readonly captures: boolean; readonly presses: boolean },
): number {
  return Math.max(beforeMs, captures ? CAPTURE_FOLLOWS_MS : 0) + (presses ? AFTER_SYSRQ_MS : 0);
}

/** Whether its power actions are used up: from then on a person has to look. */
export function isExhausted(powerActions: number, { maxPowerActions }: Limits): boolean {
  return powerActions >= maxPowerActions;
}
