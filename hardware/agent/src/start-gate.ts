import type { AgentDesired, DesiredDomain, EndpointAction } from "@outrider/contracts/agent";
import { milliseconds, minutes, type Clock } from "@outrider/contracts/clock";
import type { EndpointId } from "@outrider/contracts/ids";
import type { Supply } from "@outrider/contracts/power";
import { NodeDraw } from "./node-draw.js";
import { StartQueue, type PassResult, type Start, type Waiter } from "./start-queue.js";
import {
  isGoingOn,
  judgeStart,
  type Draw,
  type MemberFacts,
  type StartPriority,
  type StartWish,
} from "./start-plan.js";

/** So long after a graceful stop its node may be switched on again by whoever stopped it. */
const RESTARTS_WITHIN = minutes(15);

export interface PassOptions {
  readonly priority: StartPriority;
  readonly what?: StartWish["what"];
  /** By the monotonic clock. Undefined: it waits until it may. */
  readonly startByMs?: number | undefined;
  /** Is told why it has to wait, whenever that is another reason. */
  readonly waiting?: ((detail: string) => void) | undefined;
}

interface Member extends MemberFacts {
  /** Undefined: of none. */
  domain: string | undefined;
  off: boolean;
  readonly measured: NodeDraw;
  readonly draw: Draw | undefined;
  start: { asked: boolean; untilMs: number | undefined } | undefined;
  reserved: boolean;
  keptUntilMs: number | undefined;
  reservations: number;
  supply: Supply;
  /** Since when it is on, whoever switched it. */
  onSinceMs: number;
}

interface Domain {
  limits: DesiredDomain | undefined;
  readonly sinceMs: number;
  lastStartMs: number | undefined;
  readonly members: Map<EndpointId, Member>;
  readonly queue: StartQueue;
}

/**
 * Lets the supplies of a power domain be started as its limits allow, whoever wants it: a command, the end of a cycle,
 * a restore policy. It stands directly before the device, after everything that could still take time.
 *
 * What it remembers outlives a change of the configuration, and not the process: after a start of the agent each
 * domain is quiet for one spacing and the length of a start.
 */
export class StartGate {
  readonly #domains = new Map<string, Domain>();
  readonly #members = new Map<EndpointId, Member>();

  /** @param doubted is told once of each endpoint whose measurements are not believed, and why */
  constructor(
    private readonly clock: Clock,
    private readonly doubted: (id: EndpointId, detail: string) => void = () => {},
  ) {}

  /**
   * Takes the limits of domains, and which endpoint belongs to which. A draw that is declared anew is believed: what
   * was measured before is forgotten.
   * @returns the endpoints of which it is forgotten
   */
  configure({
    endpoints,
    domains = [],
  }: Pick<AgentDesired, "endpoints" | "domains">): readonly EndpointId[] {
    const forgotten: EndpointId[] = [];
    const limits = new Map(domains.map((domain) => [domain.domain, domain]));
    for (const [id, domain] of this.#domains) domain.limits = limits.get(id);
    for (const [id, limit] of limits) this.#domain(id).limits = limit;
    const wanted = new Set<EndpointId>();
    for (const { endpoint, domain, runningWatts, startingWatts } of endpoints) {
      wanted.add(endpoint);
      const member = this.#member(endpoint);
      const former = member.domain;
      const moved = former !== undefined && former !== domain ? this.#leave(endpoint, former) : [];
      member.domain = domain;
      const declared = {
        ...(runningWatts === undefined ? {} : { runningWatts }),
        ...(startingWatts === undefined ? {} : { startingWatts }),
      };
      const isForgotten = member.measured.declare(declared, this.#domainOf(member)?.limits);
      if (isForgotten) forgotten.push(endpoint);
      if (domain !== undefined) this.#domain(domain).members.set(endpoint, member);
      for (const waiter of moved) {
        if (domain !== undefined) this.#domain(domain).queue.add(waiter);
        else waiter.resolve({ kind: "go", start: this.#begin(endpoint, waiter.wish.what, true) });
      }
    }
    const nowMs = this.clock.monotonicMs();
    for (const [id, { start, reserved, domain }] of this.#members) {
      if (wanted.has(id)) continue;
      // What still starts, or is about to, counts until it is over.
      if (reserved || (start && isGoingOn(start, nowMs)) || this.#isAwaited(id, domain)) continue;
      this.#members.delete(id);
      if (domain !== undefined) this.#leave(id, domain);
    }
    for (const domain of this.#domains.values()) this.#serve(domain);
    return forgotten;
  }

  /** What former processes have measured of an endpoint. */
  remember(id: EndpointId, measured: Partial<Draw>): void {
    this.#member(id).measured.remember(measured);
  }

  /** The last word about a supply; one that could not be read is `Unknown`. */
  seen(id: EndpointId, supply: Supply): void {
    const member = this.#member(id);
    if (supply === "On" && member.supply !== "On") member.onSinceMs = this.clock.monotonicMs();
    member.supply = supply;
    const off = supply === "Off";
    if (member.off === off) return;
    member.off = off;
    this.#roomMayBe(member);
  }

  /**
   * Takes a measurement into account.
   * @param askedMs when the device was asked, which is before it measured
   * @returns what is now known of the draw, when it has grown
   */
  measured(id: EndpointId, watts: number, askedMs: number): Partial<Draw> | undefined {
    const member = this.#member(id);
    const domain = this.#domainOf(member);
    if (!domain) return undefined;
    // Somebody else may have started it, too.
    const starting =
      (member.start && isGoingOn(member.start, askedMs)) ||
      askedMs < member.onSinceMs + (domain.limits?.startDurationMs ?? 0);
    return member.measured.measure(watts, starting);
  }

  /**
   * Waits for room. Who is granted it has it until {@link Start.over}.
   * @throws the signal's reason
   */
  async pass(id: EndpointId, options: PassOptions, signal: AbortSignal): Promise<PassResult> {
    signal.throwIfAborted();
    const { priority, what = "start", startByMs, waiting } = options;
    const member = this.#member(id);
    const domain = this.#domainOf(member);
    if (!domain) return { kind: "go", start: this.#begin(id, what, false) };
    const nowMs = this.clock.monotonicMs();
    const waiter: Waiter = {
      wish: { endpoint: id, what, priority },
      bounded: startByMs !== undefined,
      tell: waiting,
      ...Promise.withResolvers<PassResult>(),
    };
    domain.queue.add(waiter);
    this.#serve(domain);
    if (!domain.queue.has(waiter)) return waiter.promise;
    const over = new AbortController();
    // Its endpoint may have come to another domain meanwhile.
    const leaves = (): boolean => {
      const left = this.#domainOf(member)?.queue.remove(waiter) ?? false;
      this.#roomMayBe(member);
      return left;
    };
    const leave = (): void => {
      if (leaves()) waiter.reject(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    if (startByMs !== undefined) {
      this.clock.sleep(milliseconds(Math.max(0, startByMs - nowMs)), over.signal).then(
        () => {
          const detail = `${waiter.told ?? "other starts go first"}; it had to start by now, and nothing was done`;
          if (leaves()) waiter.resolve({ kind: "no", detail });
        },
        () => undefined,
      );
    }
    try {
      return await waiter.promise;
    } finally {
      over.abort(GRANTED);
      signal.removeEventListener("abort", leave);
    }
  }

  /**
   * A command for a supply is accepted. One that asks the host to go down may be the first half of a restart: its
   * draw is not given to a restore policy for {@link RESTARTS_WITHIN}, or until it starts or is commanded off.
   */
  commanded(id: EndpointId, action: EndpointAction): void {
    // A supply of which nothing is known here is another agent's.
    const member = this.#members.get(id);
    if (!member) return;
    if (action === "PushPowerButton" || action === "GracefulShutdown") {
      member.keptUntilMs = this.clock.monotonicMs() + RESTARTS_WITHIN;
    } else if (action === "ForceOff" && member.keptUntilMs !== undefined) {
      member.keptUntilMs = undefined;
      this.#roomMayBe(member);
    }
  }

  /** Keeps the draw of a node that is off in the middle of a cycle for it, whether or not there is room. */
  reserve(id: EndpointId): Start {
    return this.#begin(id, "watts", false);
  }

  #begin(id: EndpointId, what: StartWish["what"], waited: boolean): Start {
    const member = this.#member(id);
    if (what === "watts") return this.#reservation(member, waited);
    const start: NonNullable<Member["start"]> = { asked: false, untilMs: undefined };
    member.start = start;
    member.keptUntilMs = undefined;
    let over = false;
    const asked = (): void => {
      if (start.asked) return;
      start.asked = true;
      const domain = this.#domainOf(member);
      if (domain) domain.lastStartMs = this.clock.monotonicMs();
    };
    return {
      waited,
      asked: () => {
        asked();
        this.#roomMayBe(member);
      },
      over: (begun) => {
        if (over) return;
        over = true;
        const domain = this.#domainOf(member);
        if (begun) {
          asked();
          start.untilMs = this.clock.monotonicMs() + (domain?.limits?.startDurationMs ?? 0);
        } else if (member.start === start) {
          member.start = undefined;
        }
        this.#roomMayBe(member);
      },
    };
  }

  #reservation(member: Member, waited: boolean): Start {
    member.reservations += 1;
    member.reserved = true;
    let over = false;
    return {
      waited,
      asked: () => undefined,
      over: () => {
        if (over) return;
        over = true;
        member.reservations -= 1;
        member.reserved = member.reservations > 0;
        this.#roomMayBe(member);
      },
    };
  }

  #roomMayBe(member: Member): void {
    const domain = this.#domainOf(member);
    if (domain) this.#serve(domain);
  }

  #serve(domain: Domain): void {
    const { queue, members } = domain;
    if (queue.empty) return;
    queue.serve({
      clock: this.clock,
      judge: (wish) => {
        const { limits, lastStartMs, sinceMs } = domain;
        if (!limits) return { kind: "go" };
        const facts = { limits, members, lastStartMs, sinceMs };
        return judgeStart(wish, facts, this.clock.monotonicMs());
      },
      grant: ({ endpoint, what }, waited) => ({
        kind: "go",
        start: this.#begin(endpoint, what, waited),
      }),
    });
  }

  #isAwaited(id: EndpointId, domain: string | undefined): boolean {
    return domain !== undefined && this.#domain(domain).queue.waitsFor(id);
  }

  #domainOf({ domain }: Member): Domain | undefined {
    return domain === undefined ? undefined : this.#domain(domain);
  }

  #domain(id: string): Domain {
    let domain = this.#domains.get(id);
    if (!domain) {
      domain = {
        limits: undefined,
        sinceMs: this.clock.monotonicMs(),
        lastStartMs: undefined,
        members: new Map(),
        queue: new StartQueue(),
      };
      this.#domains.set(id, domain);
    }
    return domain;
  }

  #member(id: EndpointId): Member {
    let member = this.#members.get(id);
    if (!member) {
      const measured = new NodeDraw((detail) => this.doubted(id, detail));
      member = {
        domain: undefined,
        off: false,
        measured,
        get draw() {
          return measured.draw;
        },
        start: undefined,
        reserved: false,
        keptUntilMs: undefined,
        reservations: 0,
        supply: "Unknown",
        onSinceMs: this.clock.monotonicMs(),
      };
      this.#members.set(id, member);
    }
    return member;
  }

  /** @returns who waits for it */
  #leave(id: EndpointId, domainId: string): Waiter[] {
    const { members, queue } = this.#domain(domainId);
    members.delete(id);
    return queue.take(id);
  }
}

const GRANTED = new Error("granted");
