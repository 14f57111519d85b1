import type { Clock } from "@outrider/contracts/clock";
import type { PowerDomain } from "@outrider/contracts/fleet";
import type { AlarmSeverity } from "@outrider/contracts/telemetry";
import type { AlarmRule, RuleKind } from "@outrider/contracts/telemetry-policy";
import type { DeliveryProblem } from "../notify/channel-queue.js";
import type { StoreHealth } from "../store/store.js";
import type { DroppedReadings } from "../telemetry-listener.js";
import {
  awayWords,
  budgetWords,
  clockWords,
  deliveryWords,
  lossWords,
  serviceWords,
  storeLossWords,
} from "./alarm-words.js";
import type { DomainDraw } from "./alarm-engine.js";
import { MeanWindow } from "./rate-window.js";
import { Watch, type Said } from "./watch.js";

type Domains = Readonly<Record<string, Pick<PowerDomain, "nodes" | "wattBudget">>>;

/** The store and the channels of notifications are the telemetry service's. */
const STORE_SUBJECT = "service:telemetry";
/** After a start, or when the broker was away, agents are given so long to say that they are there, whatever the rule. */
const UNHEARD_MS = 60_000;
/** Services that a site may do without. */
const OPTIONAL = ["gateway", "home-assistant"];
/** How long a loss is told after the last of it, unless its rule says otherwise. */
const LOSS_OVER_MS = 3_600_000;

/** By kind. */
type Lost = Readonly<Partial<Record<"dropped" | "unreadable", DroppedReadings>>>;

interface Loss {
  /** All that was lost while it is told, of an agent. */
  readonly lost?: Lost | undefined;
  /** Nothing of now is lost, so that it is a warning whatever its rule says. */
  readonly isMild: boolean;
  /** When something was lost last. */
  readonly atMs: number;
  readonly words: string;
}

/** What becomes of watches here is somebody else's to tell. */
export interface SiteWatchesParts {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly tell: (watch: Watch) => void;
  readonly end: (watches: Iterable<Watch>, why: string) => void;
  /** Has a watch begin where the process before this one was. */
  readonly takeUp: (watch: Watch) => void;
  readonly nodesOf: (agent: string) => readonly string[];
}

/** The rules about agents, power domains, services and the store. */
export class SiteWatches {
  /** By subject and rule. */
  readonly #watches = new Map<string, Watch>();
  readonly #means = new Map<string, MeanWindow>();
  /** When a domain was not measured as a whole last. */
  readonly #unmeasuredMs = new Map<string, number>();
  readonly #losses = new Map<string, Loss>();
  /** Those on which something hangs. */
  readonly #agents = new Set<string>();
  /** Those on which nothing hangs any more, whatever they still send. */
  readonly #gone = new Set<string>();
  /** Those that have said on this connection whether they are there. */
  readonly #there = new Map<string, boolean>();
  /** Services that were heard, and whether they are there; undefined: not heard on this connection. */
  readonly #services = new Map<string, boolean | undefined>();
  readonly #domainOf = new Map<string, string>();
  #domains: Domains | undefined;
  #rules: Readonly<Record<string, AlarmRule>> = {};
  #lostPoints: { readonly late: number; readonly grave: number } | undefined;

  constructor(private readonly parts: SiteWatchesParts) {}

  govern(rules: Readonly<Record<string, AlarmRule>>): void {
    this.#rules = rules;
    for (const [key, watch] of this.#watches) {
      const rule = rules[watch.name];
      if (rule?.kind !== watch.rule.kind) {
        this.#watches.delete(key);
        this.parts.end([watch], "its rule is gone");
        continue;
      }
      const next = new Watch(watch.subject, watch.id, watch.name, rule);
      next.inherit(watch);
      this.#watches.set(key, next);
    }
    for (const agent of this.#agents) this.#judgeAgent(agent);
    for (const [service, isThere] of this.#services)
      if (isThere !== undefined) this.#judgeService(service);
  }

  /** @param hasDuties whether something hangs on the agent; otherwise nobody misses it, and it may be gone for good */
  agentDeclared(agent: string, hasDuties: boolean): void {
    if (hasDuties) {
      this.#agents.add(agent);
      this.#gone.delete(agent);
      // What stood before is looked at from now on.
      for (const kind of ["clock", "loss"] as const) this.#of(kind, `agent:${agent}`);
      return this.#judgeAgent(agent);
    }
    this.#agents.delete(agent);
    this.#gone.add(agent);
    this.#forget(`agent:${agent}`, GONE_AGENT);
  }

  agentThere(agent: string, isThere: boolean): void {
    this.#there.set(agent, isThere);
    if (this.#agents.has(agent)) this.#judgeAgent(agent);
  }

  /** What agents have said of being there does not count any more: the broker went away. */
  disconnected(): void {
    this.#there.clear();
    for (const service of this.#services.keys()) this.#services.set(service, undefined);
    for (const watch of this.#watches.values())
      if (watch.rule.kind === "away" || watch.rule.kind === "service") watch.lose();
  }

  /** The broker is there again, and whoever is there says so in a moment. */
  connected(): void {
    for (const service of this.#services.keys()) this.#judgeService(service);
  }

  /** Whether an agent is there; undefined: it has not said so on this connection. */
  agent(agent: string): boolean | undefined {
    return this.#there.get(agent);
  }

  /** The same of a service. */
  service(service: string): boolean | undefined {
    return this.#services.get(service);
  }

  serviceThere(service: string, isThere: boolean): void {
    this.#services.set(service, isThere);
    this.#judgeService(service);
  }

  clockSeen(agent: string, offsetSeconds: number): void {
    if (this.#gone.has(agent)) return;
    const nowMs = this.parts.clock.monotonicMs();
    for (const watch of this.#of("clock", `agent:${agent}`)) {
      watch.measure(Math.abs(offsetSeconds), nowMs, (severity) => ({
        message: clockWords(agent, offsetSeconds),
        value: offsetSeconds,
        limit: limitOf(watch.rule, severity),
        unit: "s",
      }));
      this.parts.tell(watch);
    }
  }

  /** An agent has dropped readings that were not stored yet. */
  agentLost(agent: string, lost: DroppedReadings): void {
    if (this.#gone.has(agent)) return;
    const subject = `agent:${agent}`;
    const isTold = this.#of("loss", subject).some(({ severity }) => severity !== undefined);
    const before = isTold ? this.#losses.get(subject)?.lost : undefined;
    const kind = lost.why === undefined ? "dropped" : "unreadable";
    const all: Lost = { ...before, [kind]: together(before?.[kind], lost) };
    this.#lost(subject, { words: lossWords(Object.values(all)), lost: all, isMild: false });
  }

  /** All that there are. */
  watches(): Iterable<Watch> {
    return this.#watches.values();
  }

  domains(domains: Domains): void {
    this.#domains = domains;
    this.#domainOf.clear();
    for (const [domain, { nodes }] of Object.entries(domains)) {
      for (const node of nodes) this.#domainOf.set(node, domain);
    }
    const subjects = new Set([...this.#watches.values()].map(({ subject }) => subject));
    for (const subject of subjects) {
      const why = subject.startsWith("domain:") ? this.whyGone(subject) : undefined;
      if (why !== undefined) this.#forget(subject, why);
    }
    for (const domain of this.#unmeasuredMs.keys()) {
      if (this.whyGone(`domain:${domain}`) !== undefined) this.#unmeasuredMs.delete(domain);
    }
    for (const key of this.#means.keys()) {
      if (this.whyGone(`domain:${key.split(" ", 1)[0]}`) !== undefined) this.#means.delete(key);
    }
  }

  draw({ domain, watts, budgetWatts, unmeasured }: DomainDraw): void {
    const nowMs = this.parts.clock.monotonicMs();
    if (unmeasured !== undefined) this.#unmeasuredMs.set(domain, nowMs);
    const unmeasuredMs = this.#unmeasuredMs.get(domain) ?? Number.NEGATIVE_INFINITY;
    for (const watch of this.#of("budget", `domain:${domain}`)) {
      const overMs = watch.rule.overMs ?? 0;
      const key = `${domain} ${watch.name} ${overMs}`;
      let window = this.#means.get(key);
      if (!window) this.#means.set(key, (window = new MeanWindow(overMs)));
      const mean = window.add(nowMs, watts);
      const percent = (mean / budgetWatts) * 100;
      // A mean is as much as it is at least until all that it is of was measured.
      const isLeast = unmeasured !== undefined || nowMs - unmeasuredMs < overMs;
      const words = (severity: AlarmSeverity): Said => ({
        message: budgetWords({ domain, mean, budgetWatts, overMs, isLeast, unmeasured }),
        value: mean,
        limit: ((limitOf(watch.rule, severity) ?? 100) * budgetWatts) / 100,
        unit: "W",
      });
      if (isLeast) watch.measureAtLeast(percent, nowMs, words);
      else watch.measure(percent, nowMs, words);
      this.parts.tell(watch);
    }
  }

  store(health: StoreHealth): void {
    const { state, detail, droppedPoints, latePoints: late = 0, refusedPoints } = health;
    const nowMs = this.parts.clock.monotonicMs();
    // What comes too late is of long ago, and nobody can do anything about it.
    const grave = droppedPoints - late + refusedPoints;
    const before = this.#lostPoints ?? { late, grave };
    this.#lostPoints = { late, grave };
    if (late > before.late || grave > before.grave) {
      const isMild = grave <= before.grave && !this.#isGrave(STORE_SUBJECT);
      this.#lost(STORE_SUBJECT, { words: storeLossWords(health), isMild });
    }
    for (const watch of this.#of("store", STORE_SUBJECT)) {
      const message = (detail ?? "what is measured cannot be stored").slice(0, 1000);
      watch.hold(state === "degraded", nowMs, () => ({ message }));
      this.parts.tell(watch);
    }
    for (const watch of this.#of("loss", STORE_SUBJECT)) this.#judgeLoss(watch);
  }

  /** @param problems channels of notifications that do not take what they are told */
  delivery(problems: readonly DeliveryProblem[]): void {
    const nowMs = this.parts.clock.monotonicMs();
    for (const watch of this.#of("delivery", STORE_SUBJECT)) {
      watch.hold(problems.length > 0, nowMs, () => ({ message: deliveryWords(problems) }));
      this.parts.tell(watch);
    }
  }

  /** @param isLook whether all is looked at, not only what is about to be an alarm */
  tick(isLook: boolean): void {
    const nowMs = this.parts.clock.monotonicMs();
    for (const watch of this.#watches.values()) {
      if (isLook && watch.rule.kind === "loss") this.#judgeLoss(watch);
      if (!watch.isPending) continue;
      watch.tick(nowMs);
      this.parts.tell(watch);
    }
  }

  domainOf(node: string): string | undefined {
    return this.#domainOf.get(node);
  }

  nodesOfDomain(domain: string): readonly string[] {
    return this.#domains?.[domain]?.nodes ?? [];
  }

  /** Why there can be no alarm of an agent, a domain or a service; undefined: there can, or it is not known yet. */
  whyGone(subject: string): string | undefined {
    const [kind, id = ""] = subject.split(":", 2);
    if (kind === "agent") return this.#agents.has(id) ? undefined : GONE_AGENT;
    if (kind === "service")
      return OPTIONAL.includes(id) && !this.#services.has(id) ? GONE_SERVICE : undefined;
    if (kind !== "domain" || !this.#domains) return undefined;
    const domain = Object.hasOwn(this.#domains, id) ? this.#domains[id] : undefined;
    if (!domain) return "the power domain is gone";
    return (domain.wattBudget ?? 0) > 0 ? undefined : "it has no watt budget any more";
  }

  #judgeAgent(agent: string): void {
    const nowMs = this.parts.clock.monotonicMs();
    const isThere = this.#there.get(agent);
    for (const watch of this.#of("away", `agent:${agent}`)) {
      const words = (): { message: string } => ({
        message: awayWords(this.parts.nodesOf(agent), watch.rule.forMs),
      });
      watch.hold(isThere !== true, nowMs, words, isThere === undefined ? UNHEARD_MS : 0);
      this.parts.tell(watch);
    }
  }

  #judgeService(service: string): void {
    const nowMs = this.parts.clock.monotonicMs();
    const isThere = this.#services.get(service);
    for (const watch of this.#of("service", `service:${service}`)) {
      const message = serviceWords(service, watch.rule.forMs);
      const leastMs = isThere === undefined ? UNHEARD_MS : 0;
      watch.hold(isThere !== true, nowMs, () => ({ message }), leastMs);
      this.parts.tell(watch);
    }
  }

  /** Whether a loss is told that is more than mild. */
  #isGrave(subject: string): boolean {
    const isTold = this.#of("loss", subject).some(({ severity }) => severity !== undefined);
    return isTold && this.#losses.get(subject)?.isMild === false;
  }

  #lost(subject: string, loss: Omit<Loss, "atMs">): void {
    this.#losses.set(subject, { ...loss, atMs: this.parts.clock.monotonicMs() });
    for (const watch of this.#of("loss", subject)) this.#judgeLoss(watch);
  }

  /** A loss is over when nothing has been lost for a while: it cannot be undone, and is told in a moment. */
  #judgeLoss(watch: Watch): void {
    const nowMs = this.parts.clock.monotonicMs();
    const { subject, rule } = watch;
    const { overMs = LOSS_OVER_MS } = rule;
    const loss = this.#losses.get(subject);
    const holds = loss !== undefined && nowMs - loss.atMs < overMs;
    const { words = FORMER_LOSS, isMild = false } = loss ?? {};
    watch.hold(holds, nowMs, () => ({ message: words }), 0, isMild ? "Warning" : rule.severity);
    this.parts.tell(watch);
  }

  /** The watches of a kind for a subject. */
  #of(kind: RuleKind, subject: string): Watch[] {
    const found: Watch[] = [];
    for (const [name, rule] of Object.entries(this.#rules)) {
      if (rule.kind !== kind) continue;
      const key = `${subject} ${name}`;
      let watch = this.#watches.get(key);
      if (!watch) {
        this.#watches.set(key, (watch = new Watch(subject, name, name, rule)));
        this.parts.takeUp(watch);
        // When it was lost is not known any more: as if now.
        if (kind === "loss" && watch.severity !== undefined && !this.#losses.has(subject)) {
          const isMild = watch.severity === "Warning";
          const atMs = this.parts.clock.monotonicMs();
          this.#losses.set(subject, { atMs, words: FORMER_LOSS, isMild });
        }
      }
      found.push(watch);
    }
    return found;
  }

  #forget(subject: string, why: string): void {
    const gone = [...this.#watches].filter(([, watch]) => watch.subject === subject);
    for (const [key] of gone) this.#watches.delete(key);
    this.#losses.delete(subject);
    this.parts.end(
      gone.map(([, watch]) => watch),
      why,
    );
  }
}

function together(before: DroppedReadings | undefined, lost: DroppedReadings): DroppedReadings {
  if (!before) return lost;
  return {
    ...lost,
    readings: before.readings + lost.readings,
    since: before.since < lost.since ? before.since : lost.since,
    until: before.until > lost.until ? before.until : lost.until,
  };
}

/** Of a loss before this process. It is no better than what was said of it then. */
export const FORMER_LOSS = "what was measured was lost before the telemetry service started";
const GONE_SERVICE = "the service has not been heard since the telemetry service started";
const GONE_AGENT = "nothing hangs on the agent any more";

function limitOf({ upper }: Pick<AlarmRule, "upper">, severity: AlarmSeverity): number | undefined {
  return severity === "Critical" ? upper?.critical : upper?.warning;
}
