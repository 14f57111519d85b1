import type { SitePolicy, PowerDomain } from "@outrider/contracts/fleet";
import { milliseconds, type Clock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import type { Bar } from "./admission.js";
import type { Draws } from "./draws.js";
import type { Policies } from "./policies.js";
import { StartQueue, type Next, type Room } from "./start-queue.js";
import type { Start, Starters, Starts } from "./starts.js";

/** How often those who wait are told how they get on, and watts are counted again, in milliseconds. */
const TICK_MS = 1000;
/** Watts are not counted more often than this because of what was measured, in milliseconds. */
const COUNT_AGAIN_MS = 100;
/** So many of a queue are told at each tick. */
const TOLD_AT_ONCE = 32;

interface Domain {
  readonly id: string;
  /** The declaration as text: a domain whose declaration is the same is the same domain. */
  readonly declared: string;
  readonly queue: StartQueue;
  readonly room: Room;
  blocked: Extract<Next, { kind: "wait" }> | undefined;
  tickedMs: number;
  lookedMs: number;
  timer: AbortController | undefined;
}

interface Known {
  readonly start: Start;
  readonly domain: Domain | undefined;
  readonly state: "waiting" | "under-way";
}

/** Paces the starts of every power domain by the policy in force. */
export class Pacing implements Starts {
  #domains = new Map<string, Domain>();
  readonly #known = new Map<string, Known>();
  #starters: Starters | undefined;

  constructor(
    private readonly parts: {
      readonly clock: Clock;
      readonly policies: Policies;
      readonly draws: Draws;
      /** When the last measurement came that says a node is off; undefined where it is not known to be. */
      readonly offSinceMs: (node: NodeId) => number | undefined;
    },
  ) {
    parts.policies.onChange((policy) => this.#govern(policy));
  }

  follow(starters: Starters): void {
    this.#starters = starters;
  }

  request(start: Start): string | undefined {
    const known = this.#known.get(start.key);
    if (known?.state === "under-way") return undefined;
    if (known) return known.domain && this.#note(known.domain, start);
    const domain = this.#domainOf(start.node);
    if (!domain) {
      this.#known.set(start.key, { start, domain, state: "under-way" });
      return undefined;
    }
    const first = start.owed || domain.queue.first(domain.room) === undefined;
    domain.queue.add(start);
    this.#known.set(start.key, { start, domain, state: "waiting" });
    // Behind others that wait, nothing can have changed for it.
    const went = first && this.#look(domain, start.key);
    return went ? undefined : this.#note(domain, start);
  }

  hold(start: Start): void {
    const domain = this.#domainOf(start.node);
    domain?.queue.hold(start, this.parts.clock.monotonicMs());
    this.#known.set(start.key, { start, domain, state: "under-way" });
  }

  ended(key: string, started: boolean): void {
    const known = this.#known.get(key);
    if (known?.state !== "under-way") return;
    this.#known.delete(key);
    if (!known.domain) return;
    known.domain.queue.ended(known.start, started, this.parts.clock.monotonicMs());
    this.#look(known.domain);
  }

  withdraw(key: string): void {
    const known = this.#known.get(key);
    if (!known) return;
    this.#known.delete(key);
    if (!known.domain) return;
    known.domain.queue.withdraw(known.start);
    this.#look(known.domain);
  }

  refusal(node: NodeId): Bar | undefined {
    const { policies, draws } = this.parts;
    const of = policies.domainOf(node);
    const budget = of?.domain.wattBudget;
    const needs = draws.startingWatts(node);
    if (budget === undefined || needs <= budget) return undefined;
    return { reasonCode: "no-start-slot", detail: this.#excess(node) };
  }

  #excess(node: NodeId): string {
    const of = this.parts.policies.domainOf(node);
    const needs = this.parts.draws.startingWatts(node);
    return `${node} draws ${needs} W while it starts, and power domain ${of?.id} has ${of?.domain.wattBudget} W in all; raise its wattBudget, or mend the declared draw of the node`;
  }

  /** A node was measured to be off: there may be watts again. */
  wentOff(node: NodeId): void {
    const domain = this.#domainOf(node);
    if (domain?.blocked?.for !== "watts") return;
    // A rack that goes down says so node by node; what is skipped here, the tick finds.
    if (this.parts.clock.monotonicMs() - domain.lookedMs >= COUNT_AGAIN_MS) this.#look(domain);
  }

  stop(): void {
    for (const { timer } of this.#domains.values()) timer?.abort();
  }

  /** Puts a policy into force. What is under way keeps its slots, what waits keeps its order. */
  #govern({ powerDomains }: SitePolicy): void {
    const before = this.#domains;
    this.#domains = new Map();
    for (const [id, domain] of Object.entries(powerDomains)) {
      const declared = JSON.stringify(domain);
      const same = before.get(id);
      if (same?.declared === declared) this.#domains.set(id, same);
      else this.#domains.set(id, this.#begin(id, declared, domain));
    }
    for (const one of before.values()) {
      if (this.#domains.get(one.id) !== one) one.timer?.abort();
    }
    const moved = [...this.#known.values()].filter(
      ({ start, domain }) => domain !== this.#domainOf(start.node),
    );
    // In the order in which they came; an owed one goes first by itself.
    for (const { start, state } of moved) {
      const domain = this.#domainOf(start.node);
      this.#known.set(start.key, { start, domain, state: domain ? state : "under-way" });
      if (!domain) {
        if (state === "waiting") this.#starters?.slotGranted(start);
      } else if (state === "waiting") domain.queue.add(start);
      else domain.queue.hold(start, this.parts.clock.monotonicMs());
    }
    for (const domain of this.#domains.values()) this.#look(domain);
  }

  /** A domain is quiet at first: what began before anybody counted may still be under way. */
  #begin(id: string, declared: string, domain: PowerDomain): Domain {
    const { clock, draws } = this.parts;
    const quietMs = domain.startSpacingMs + domain.startDurationMs;
    return {
      id,
      declared,
      queue: new StartQueue(domain, clock.monotonicMs() + quietMs),
      room: {
        nodes: domain.nodes,
        runningWatts: (node) => draws.runningWatts(node),
        startingWatts: (node) => draws.startingWatts(node),
        // Given to another, the watts of a node that restarts would be missing when its host has halted.
        offSinceMs: (node) =>
          this.#starters?.owesStart(node) ? undefined : this.parts.offSinceMs(node),
      },
      blocked: undefined,
      tickedMs: clock.monotonicMs(),
      lookedMs: clock.monotonicMs(),
      timer: undefined,
    };
  }

  /**
   * Lets go what may go, and comes back when more may.
   * @returns whether the start of this key went; whoever asked for it knows, so it is not told
   */
  #look(domain: Domain, key?: string): boolean {
    const { clock } = this.parts;
    let went = false;
    domain.lookedMs = clock.monotonicMs();
    for (;;) {
      const next = domain.queue.next(clock.monotonicMs(), domain.room);
      if (next.kind === "never") {
        this.#known.delete(next.start.key);
        this.#starters?.neverFits(next.start, this.#excess(next.start.node));
        continue;
      }
      if (next.kind !== "go") {
        domain.blocked = next.kind === "wait" ? next : undefined;
        break;
      }
      this.#known.set(next.start.key, { start: next.start, domain, state: "under-way" });
      if (next.start.key === key) went = true;
      else this.#starters?.slotGranted(next.start);
    }
    this.#wake(domain);
    return went;
  }

  /** One timer per domain: until the next start may go, or those who wait are to be told. */
  #wake(domain: Domain): void {
    const { clock } = this.parts;
    domain.timer?.abort(LOOKED_AGAIN);
    domain.timer = undefined;
    if (!domain.blocked) return;
    const nowMs = clock.monotonicMs();
    if (nowMs - domain.tickedMs > TICK_MS) domain.tickedMs = nowMs;
    const tickMs = domain.tickedMs + TICK_MS;
    const atMs = Math.min(domain.blocked.untilMs ?? tickMs, tickMs);
    const timer = (domain.timer = new AbortController());
    clock.sleep(milliseconds(Math.max(1, atMs - nowMs)), timer.signal).then(
      () => this.#rang(domain),
      () => undefined,
    );
  }

  #rang(domain: Domain): void {
    const nowMs = this.parts.clock.monotonicMs();
    const tells = nowMs - domain.tickedMs >= TICK_MS;
    if (tells) domain.tickedMs = nowMs;
    this.#look(domain);
    if (!tells) return;
    let told = 0;
    for (const start of domain.queue.queue()) {
      if (told++ >= TOLD_AT_ONCE) return;
      this.#starters?.waits(start, this.#note(domain, start));
    }
  }

  /** What a start waits for, for a person. */
  #note({ id, queue, blocked, room }: Domain, start: Start): string {
    if (!queue.fits(start, room)) return `${id}: ${this.#excess(start.node)}`;
    const before = queue.before(start);
    const place = before === 0 ? "" : `${before} before it; `;
    if (!blocked) return `${id}: ${place}its turn comes`;
    if (blocked.for !== "spacing") return `${id}: ${place}${blocked.why}`;
    const leftMs = Math.max(0, (blocked.untilMs ?? 0) - this.parts.clock.monotonicMs());
    return `${id}: ${place}next start in ${Math.ceil(leftMs / 1000)} s`;
  }

  #domainOf(node: NodeId): Domain | undefined {
    const id = this.parts.policies.domainOf(node)?.id;
    return id === undefined ? undefined : this.#domains.get(id);
  }
}

/** Made once: an abort without a reason makes an error with a stack each time. */
const LOOKED_AGAIN = new Error("the domain was looked at again");
