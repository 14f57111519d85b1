import type { DesiredDomain, DesiredEndpoint } from "@outrider/contracts/agent";
import type { EndpointId } from "@outrider/contracts/ids";

/**
 * Whether a supply of a power domain may be started now. Pure: `start-gate.ts` asks it and keeps what it needs to know.
 *
 * What is not known counts against a start: a node that is not known to be off draws what it may draw, and what a
 * former process of the agent started in its last moment may still be starting.
 */
export interface DomainFacts {
  readonly limits: DesiredDomain;
  /** Every endpoint of the domain that this agent has. */
  readonly members: ReadonlyMap<EndpointId, MemberFacts>;
  /** When a start was last asked of a device of the domain, by the monotonic clock. */
  readonly lastStartMs: number | undefined;
  /** Since when the domain is looked after without a gap. What was started before is not known. */
  readonly sinceMs: number;
}

export interface MemberFacts {
  /** The last reading says that its supply is off. */
  readonly off: boolean;
  /** Undefined: neither declared nor measured. */
  readonly draw: Draw | undefined;
  /** Set from the moment in which it may start. */
  readonly start: StartFacts | undefined;
  /**
   * Off for a moment in the middle of a cycle: what its `On` needs is not given to another one, and that `On` is not
   * asked for watts again. It drew them before, or had been given them, and a cycle must not leave a node off.
   */
  readonly reserved: boolean;
  /**
   * A command has asked its host to go down, and its `On` may be on its way: until then a restore policy takes it for
   * running though it is off. By the monotonic clock. Commands are judged by what is: whoever sends them knows of it.
   */
  readonly keptUntilMs: number | undefined;
}

/** What a node draws, in watts. */
export interface Draw {
  readonly runningWatts: number;
  /** While it starts; never less than running. */
  readonly startingWatts: number;
}

export interface StartFacts {
  /** Whether its device has answered, so that the edge is certainly behind us. */
  readonly asked: boolean;
  /** When the start is over; undefined while the supply is not seen on. */
  readonly untilMs: number | undefined;
}

export const START_PRIORITIES = ["owed", "commanded", "restore"] as const;
/** Who goes first: the `On` that a cycle owes, a command, a restore policy. */
export type StartPriority = (typeof START_PRIORITIES)[number];

export interface StartWish {
  readonly endpoint: EndpointId;
  /** `watts` only asks whether there is room for its draw, as a cycle does before it switches off. */
  readonly what: "start" | "watts";
  readonly priority: StartPriority;
}

/** What keeps a start back. */
export type StartLimit = "unknown-past" | "spacing" | "concurrent-starts" | "watts";

export type StartVerdict =
  | { readonly kind: "go" }
  | {
      readonly kind: "wait";
      readonly limit: StartLimit;
      readonly detail: string;
      /** When to ask again; undefined: when something has happened. */
      readonly untilMs: number | undefined;
    }
  /** Its own draw is above the budget: nothing that could happen makes room. */
  | { readonly kind: "never"; readonly detail: string };

/** Sums of declared fractions differ by less than this from what a person computes. */
const ROUNDING_WATTS = 1e-6;
const GO = { kind: "go" } as const satisfies StartVerdict;

export function judgeStart(wish: StartWish, domain: DomainFacts, nowMs: number): StartVerdict {
  const reserved = domain.members.get(wish.endpoint)?.reserved === true;
  const watts: StartVerdict = reserved ? GO : judgeWatts(wish, domain, nowMs);
  if (watts.kind === "never" || wish.what === "watts") return watts;
  const paced = judgePace(wish.endpoint, domain, nowMs);
  return paced.kind === "go" ? watts : paced;
}

function judgePace(endpoint: EndpointId, domain: DomainFacts, nowMs: number): StartVerdict {
  const { limits, members, lastStartMs, sinceMs } = domain;
  const { startSpacingMs, startDurationMs, concurrentStarts } = limits;
  const quietUntilMs = sinceMs + startSpacingMs + startDurationMs;
  if (nowMs < quietUntilMs) {
    return wait(
      "unknown-past",
      "the agent has just begun to look after the domain, and what was started before is not known",
      quietUntilMs,
      domain,
    );
  }
  const others = [...members].filter(([id]) => id !== endpoint);
  const spaced = "its starts are spaced";
  if (startSpacingMs > 0) {
    if (others.some(([, { start }]) => start?.asked === false)) {
      return wait("spacing", spaced, undefined, domain);
    }
    const nextMs = (lastStartMs ?? Number.NEGATIVE_INFINITY) + startSpacingMs;
    if (nowMs < nextMs) return wait("spacing", spaced, nextMs, domain);
  }
  const starting = others.flatMap(([, { start }]) =>
    start && isGoingOn(start, nowMs) ? [start] : [],
  );
  if (concurrentStarts !== undefined && starting.length >= concurrentStarts) {
    return wait(
      "concurrent-starts",
      `${starting.length} of its nodes are starting`,
      earliest(starting.map(({ untilMs }) => untilMs)),
      domain,
    );
  }
  return GO;
}

function judgeWatts(
  { endpoint, priority }: StartWish,
  domain: DomainFacts,
  nowMs: number,
): StartVerdict {
  const { limits, members } = domain;
  const { wattBudget } = limits;
  if (wattBudget === undefined) return GO;
  const share = wattBudget / Math.max(1, members.size);
  const even: Draw = { runningWatts: share, startingWatts: share };
  const own = (members.get(endpoint)?.draw ?? even).startingWatts;
  if (own > wattBudget + ROUNDING_WATTS) {
    return {
      kind: "never",
      detail: `the power domain ${limits.domain} has a budget of ${wattBudget} W, and a start of ${endpoint} alone draws ${own} W; mend the budget or the draw in the site file`,
    };
  }
  let drawn = 0;
  const keptUntilMs: number[] = [];
  for (const [id, member] of members) {
    if (id === endpoint) continue;
    const keeps = priority === "restore" && isKept(member, nowMs);
    if (keeps) keptUntilMs.push(member.keptUntilMs ?? nowMs);
    drawn += drawOf(keeps ? { ...member, off: false } : member, member.draw ?? even, nowMs);
  }
  if (drawn + own <= wattBudget + ROUNDING_WATTS) return GO;
  const starting = [...members.values()].flatMap(({ start }) =>
    start && isGoingOn(start, nowMs) ? [start] : [],
  );
  return wait(
    "watts",
    `its nodes draw up to ${round(drawn)} W of ${wattBudget} W, and this start needs ${round(own)} W`,
    earliest([...starting.map(({ untilMs }) => untilMs), ...keptUntilMs]),
    domain,
  );
}

function isKept({ off, keptUntilMs }: MemberFacts, nowMs: number): boolean {
  return off && keptUntilMs !== undefined && nowMs < keptUntilMs;
}

function drawOf(member: MemberFacts, draw: Draw, nowMs: number): number {
  const { off, start, reserved } = member;
  if (reserved || (start && isGoingOn(start, nowMs))) return draw.startingWatts;
  return off ? 0 : draw.runningWatts;
}

/** Whether a start counts still. */
export function isGoingOn({ untilMs }: StartFacts, nowMs: number): boolean {
  return untilMs === undefined || nowMs < untilMs;
}

function earliest(timesMs: readonly (number | undefined)[]): number | undefined {
  const ends = timesMs.filter((atMs) => atMs !== undefined);
  return ends.length === 0 ? undefined : Math.min(...ends);
}

function wait(
  limit: StartLimit,
  why: string,
  untilMs: number | undefined,
  { limits }: DomainFacts,
): StartVerdict {
  const detail = `the power domain ${limits.domain} has no room for a start now: ${why}`;
  return { kind: "wait", limit, detail, untilMs };
}

function round(watts: number): number {
  return Math.round(watts * 100) / 100;
}

/** A node that draws more than so many of its declared starts was not measured well. */
const PLAUSIBLE_STARTS = 4;

/**
 * The most that may be believed of a measurement, in watts: a domain that has carried it cannot have drawn more than
 * its budget, and whoever declared a draw has not been wrong by that much.
 */
export function mostPlausibleWatts(
  { runningWatts = 0, startingWatts }: Pick<DesiredEndpoint, "runningWatts" | "startingWatts">,
  limits: Pick<DesiredDomain, "wattBudget"> | undefined,
): number {
  const { wattBudget = Number.POSITIVE_INFINITY } = limits ?? {};
  const starts =
    startingWatts === undefined
      ? Number.POSITIVE_INFINITY
      : PLAUSIBLE_STARTS * Math.max(startingWatts, runningWatts);
  return Math.min(wattBudget, starts) + ROUNDING_WATTS;
}

/**
 * The draw of a node: what is declared or was measured, whichever is more.
 * @returns undefined when nothing is known of it
 */
export function drawOfNode(
  declared: Pick<DesiredEndpoint, "runningWatts" | "startingWatts">,
  measured: Partial<Draw>,
): Draw | undefined {
  const running = largest(declared.runningWatts, measured.runningWatts);
  const starting = largest(declared.startingWatts, measured.startingWatts);
  if (running === undefined && starting === undefined) return undefined;
  const runningWatts = running ?? starting ?? 0;
  return { runningWatts, startingWatts: Math.max(runningWatts, starting ?? 0) };
}

function largest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.max(a, b);
}
