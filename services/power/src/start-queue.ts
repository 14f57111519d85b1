import type { PowerDomain } from "@outrider/contracts/fleet";
import type { NodeId } from "@outrider/contracts/ids";
import type { Start } from "./starts.js";

export type Limits = Pick<
  PowerDomain,
  "startSpacingMs" | "concurrentStarts" | "startDurationMs" | "wattBudget" | "oneAgent"
>;

/** What the nodes of a domain draw, and which of them are off. */
export interface Room {
  readonly nodes: Iterable<NodeId>;
  runningWatts(node: NodeId): number;
  startingWatts(node: NodeId): number;
  /**
   * When the last measurement came that says the node is off; undefined where it is not known to be, and where its
   * watts are kept for it because it is owed a start.
   */
  offSinceMs(node: NodeId): number | undefined;
}

/** What becomes of the first of a queue. Times are of the monotonic clock. */
export type Next =
  | { readonly kind: "idle" }
  | { readonly kind: "go"; readonly start: Start }
  /** It draws more than the whole budget, so it waits no more. */
  | { readonly kind: "never"; readonly start: Start }
  | {
      readonly kind: "wait";
      readonly for: "spacing" | "one-at-a-time" | "concurrency" | "watts";
      /** When to look again; undefined where only something that happens can help. */
      readonly untilMs?: number | undefined;
      readonly why: string;
    };

/**
 * An agent spaces the starts of its domain as well, from the answers of its devices, and so falls behind us by a little
 * at each. What waits with it has a deadline: never more of it than it can start within this span, in milliseconds.
 */
const AHEAD_MS = 5000;

/** Nobody waits but who waits for a larger budget. */
const ASIDE: Next = { kind: "wait", for: "watts", why: "a larger budget is waited for" };

/** Sums of fractions must not keep a start back. */
const WATTS_TOLERANCE = 1e-6;

/**
 * The starts of one power domain: which wait, which are under way, and when the next may begin. Pure state, no I/O,
 * no clock of its own. First come, first served; what finishes something goes first.
 */
export class StartQueue {
  readonly #owed: Start[] = [];
  readonly #rest: Start[] = [];
  /** Under way, by key. */
  readonly #slots = new Map<string, Start>();
  /** The supply is on, and the node still draws what a start draws. */
  #fading: { readonly node: NodeId; readonly untilMs: number }[] = [];
  /** A measurement that is older than its last start does not say that a node is off. */
  readonly #endedMs = new Map<NodeId, number>();
  #nextMs: number;

  /** @param quietUntilMs no start before: what a former process began may still be under way */
  constructor(
    readonly limits: Limits,
    quietUntilMs: number,
  ) {
    this.#nextMs = quietUntilMs;
  }

  get waiting(): number {
    return this.#owed.length + this.#rest.length;
  }

  /** How many starts are under way or still go on. */
  underWay(nowMs: number): number {
    this.#forget(nowMs);
    return this.#slots.size + this.#fading.length;
  }

  /** Waiting starts, the next one first. */
  *queue(): Generator<Start> {
    yield* this.#owed;
    yield* this.#rest;
  }

  add(start: Start): void {
    (start.owed ? this.#owed : this.#rest).push(start);
  }

  /** How many stand before a waiting start. */
  before(start: Start): number {
    const place = this.#of(start).findIndex(({ key }) => key === start.key);
    return start.owed ? place : this.#owed.length + place;
  }

  /** The one whose turn it is; what waits aside is passed over. */
  first(room: Room): Start | undefined {
    return this.#owed.find((start) => this.fits(start, room)) ?? this.#rest[0];
  }

  /** Whether the budget could bear a start if nothing else ran. */
  fits({ node }: Start, room: Room): boolean {
    const { wattBudget } = this.limits;
    return wattBudget === undefined || room.startingWatts(node) <= wattBudget + WATTS_TOLERANCE;
  }

  /** A start that is under way without having been let go by this queue. */
  hold(start: Start, nowMs: number): void {
    this.#slots.set(start.key, start);
    this.#nextMs = Math.max(this.#nextMs, nowMs + this.limits.startSpacingMs);
  }

  /** A start that was not made: it waits no more, or gives its slot back. */
  withdraw(start: Start): void {
    const list = this.#of(start);
    const place = list.findIndex(({ key }) => key === start.key);
    if (place >= 0) list.splice(place, 1);
    else this.#slots.delete(start.key);
  }

  /** @param started whether the supply may have been switched on */
  ended(start: Start, started: boolean, nowMs: number): void {
    if (!this.#slots.delete(start.key) || !started) return;
    const { startDurationMs, startSpacingMs, oneAgent } = this.limits;
    this.#endedMs.set(start.node, nowMs);
    if (startDurationMs > 0)
      this.#fading.push({ node: start.node, untilMs: nowMs + startDurationMs });
    // Where several agents switch, nobody but us knows when one of them did: at the latest now.
    if (!oneAgent) this.#nextMs = Math.max(this.#nextMs, nowMs + startSpacingMs);
  }

  /**
   * Lets the first of the queue go if it may. One that the whole budget could not bear holds nobody up: it leaves the
   * queue, or waits aside for a larger budget where it is owed.
   */
  next(nowMs: number, room: Room): Next {
    const start = this.first(room);
    if (!start) return this.#owed.length > 0 ? ASIDE : { kind: "idle" };
    if (!this.fits(start, room)) {
      this.withdraw(start);
      return { kind: "never", start };
    }
    const blocked = this.#blocked(start, nowMs, room);
    if (blocked) return blocked;
    this.withdraw(start);
    this.#slots.set(start.key, start);
    this.#nextMs = Math.max(this.#nextMs, nowMs + this.limits.startSpacingMs);
    return { kind: "go", start };
  }

  #blocked(start: Start, nowMs: number, room: Room): Next | undefined {
    const { startSpacingMs, concurrentStarts, wattBudget, oneAgent } = this.limits;
    if (nowMs < this.#nextMs) {
      return { kind: "wait", for: "spacing", untilMs: this.#nextMs, why: "" };
    }
    const [under] = this.#slots.values();
    if (!oneAgent && startSpacingMs > 0 && under) {
      return { kind: "wait", for: "one-at-a-time", why: `${under.node} is starting` };
    }
    const ahead = oneAgent && !start.cycles ? this.#withAgent() : 0;
    if (startSpacingMs > 0 && ahead >= Math.max(2, Math.ceil(AHEAD_MS / startSpacingMs))) {
      return { kind: "wait", for: "concurrency", why: `${ahead} starts are with the agent` };
    }
    this.#forget(nowMs);
    const others = this.#fading.filter(({ node }) => node !== start.node);
    const untilMs = others.length > 0 ? Math.min(...others.map((one) => one.untilMs)) : undefined;
    const busy = this.#slots.size + others.length;
    if (concurrentStarts !== undefined && busy >= concurrentStarts) {
      const why = `${busy} of ${concurrentStarts} starts are under way`;
      return { kind: "wait", for: "concurrency", untilMs, why };
    }
    if (wattBudget === undefined) return undefined;
    // What was shut down to be started again has kept its watts, so it is brought back; but not two surges at once.
    if (start.owed && busy === 0 && !this.#isOff(start.node, room)) return undefined;
    const usedWatts = this.#watts(start.node, room);
    const needsWatts = room.startingWatts(start.node);
    if (usedWatts + needsWatts <= wattBudget + WATTS_TOLERANCE) return undefined;
    const why = `watts: ${round(usedWatts)} of ${round(wattBudget)} W used, ${start.node} needs ${round(needsWatts)} W to start`;
    return { kind: "wait", for: "watts", untilMs, why };
  }

  /** Starts whose report is awaited, but for cycles: those wait off, and without a deadline. */
  #withAgent(): number {
    let count = 0;
    for (const { cycles } of this.#slots.values()) if (!cycles) count++;
    return count;
  }

  /** What all nodes but one draw at most now. Whatever is not known to be off counts as running. */
  #watts(but: NodeId, room: Room): number {
    const starting = new Set([...this.#slots.values()].map(({ node }) => node));
    for (const { node } of this.#fading) starting.add(node);
    let watts = 0;
    for (const node of room.nodes) {
      if (node === but) continue;
      if (starting.has(node)) watts += room.startingWatts(node);
      else if (!this.#isOff(node, room)) watts += room.runningWatts(node);
    }
    return watts;
  }

  #isOff(node: NodeId, room: Room): boolean {
    const offMs = room.offSinceMs(node);
    return offMs !== undefined && offMs > (this.#endedMs.get(node) ?? Number.NEGATIVE_INFINITY);
  }

  #forget(nowMs: number): void {
    if (this.#fading.some(({ untilMs }) => untilMs <= nowMs))
      this.#fading = this.#fading.filter(({ untilMs }) => untilMs > nowMs);
  }

  #of(start: Start): Start[] {
    return start.owed ? this.#owed : this.#rest;
  }
}

function round(watts: number): number {
  return Math.round(watts * 10) / 10;
}
