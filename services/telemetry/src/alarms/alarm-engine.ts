import type { Clock } from "@outrider/contracts/clock";
import type { ConsoleStageState } from "@outrider/contracts/console";
import type { SitePolicy } from "@outrider/contracts/fleet";
import type { NodeDescription, NodeStatus } from "@outrider/contracts/node";
import type { AlarmSeverity } from "@outrider/contracts/telemetry";
import { alarmRulesOf, type TelemetryPolicy } from "@outrider/contracts/telemetry-policy";
import type { DeliveryProblem } from "../notify/channel-queue.js";
import type { StoreHealth } from "../store/store.js";
import type { DroppedReadings } from "../telemetry-listener.js";
import { nodeOfSubject, type Finding, type Place } from "./alarm.js";
import { findingOf } from "./finding-of.js";
import { NodeWatches, type NodePower, type Witnesses } from "./node-watches.js";
import type { SensorReading } from "./sensor-watches.js";
import { FORMER_LOSS, SiteWatches } from "./site-watches.js";
import type { Watch } from "./watch.js";

/** What alarms are told apart by. */
export interface AlarmId {
  readonly subject: string;
  readonly id: string;
}

/** An alarm from before this process. */
export interface Former extends AlarmId {
  readonly severity: AlarmSeverity;
  readonly message?: string | undefined;
}

/** What rules have found, in the order of finding. */
export interface Findings {
  /** Something is wrong, or is wrong in another way than before. */
  found(finding: Finding, place: Place): void;
  /** What stands is to be said in other words, as with another value; it is no news. */
  reworded(finding: Finding): void;
  /** It is not so any more. @param why other than by what was measured */
  over(alarm: AlarmId, why?: string): void;
}

/** A power domain as it is now. */
export interface DomainDraw {
  readonly domain: string;
  /** What is measured of it. */
  readonly watts: number;
  readonly budgetWatts: number;
  /** Why it may draw more than that; missing: it does not. */
  readonly unmeasured?: string | undefined;
}

/** How often what stands is said anew where its words have changed. */
const REWORD_MS = 60_000;
/** How often all is looked at; what is about to be an alarm is at every tick. */
const LOOK_MS = 5000;
/** So long after inventory has begun to speak it has said all that there is. */
const SETTLE_MS = 30_000;

/** Holds the rules against what is read and known. Pure but for the clock: what it finds is somebody else's to keep and tell. */
export class AlarmEngine {
  readonly #nodes = new Map<string, NodeWatches>();
  readonly #site: SiteWatches;
  readonly #witnesses: Witnesses = {
    agentThere: (agent) => this.#site.agent(agent),
    serviceThere: (service) => this.#site.service(service),
  };
  #policy: TelemetryPolicy | undefined;
  #policyText = "";
  /** What stood before this process and has no watch yet. */
  readonly #restored = new Map<string, Former>();
  /** Nodes of which something is about to be an alarm. */
  readonly #pending = new Set<NodeWatches>();
  #lookedMs = Number.NEGATIVE_INFINITY;
  #rewordedMs: number;
  /** When what stood before and is about nothing that is known is let go. */
  #settleAtMs: number | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly findings: Findings,
  ) {
    this.#rewordedMs = clock.monotonicMs();
    this.#site = new SiteWatches({
      clock,
      tell: (watch) => this.#tell(watch),
      end: (watches, why) => this.#end(watches, why),
      takeUp: (watch) => this.#takeUpOne(watch),
      nodesOf: (agent) => this.#nodesOf(agent),
    });
  }

  /** Alarms that stood when the process before this one ended; to be called first. */
  restore(alarms: Iterable<Former>): void {
    for (const { subject, id, severity, message } of alarms)
      this.#restored.set(`${subject} ${id}`, { subject, id, severity, message });
  }

  govern(policy: TelemetryPolicy): void {
    const text = JSON.stringify([policy.profiles, policy.nodes, policy.siteRules]);
    if (text === this.#policyText) return;
    this.#policyText = text;
    this.#policy = policy;
    for (const [node, watches] of this.#nodes) {
      this.#end(watches.govern(alarmRulesOf(policy, node)), "its rule is gone");
      this.#takeUp(watches);
    }
    this.#site.govern(policy.siteRules);
    this.#dropStale();
  }

  describe(node: string, description: NodeDescription): void {
    const watches = this.#node(node);
    this.#end(watches.describe(description), "its sensor is gone");
    this.#takeUp(watches);
    this.#witnessesChanged((one) => one === watches);
    this.#dropStale();
  }

  /** The node is gone, and its alarms with it. */
  forget(node: string): void {
    const watches = this.#nodes.get(node);
    this.#nodes.delete(node);
    this.#end([...(watches?.watches() ?? [])], NODE_GONE);
    this.#letGo((subject) => (subject === `node:${node}` ? NODE_GONE : undefined));
  }

  /** Inventory has begun to say what there is. */
  inventorySpeaks(): void {
    this.#settleAtMs ??= this.clock.monotonicMs() + SETTLE_MS;
  }

  read(node: string, sensor: string, reading: SensorReading): void {
    const watches = this.#node(node);
    this.#tellAll(watches, watches.read(sensor, reading, this.clock.monotonicMs()));
  }

  /** The newest reading of a sensor has become too old. */
  expired(node: string, sensor: string): void {
    // It may be forgotten already, and is not to be watched anew.
    const watches = this.#nodes.get(node);
    if (watches) this.#tellAll(watches, watches.expire(sensor));
  }

  power(node: string, power: NodePower): void {
    const watches = this.#node(node);
    this.#tellAll(watches, watches.setPower(power, this.clock.monotonicMs()));
  }

  /** @param stage as a node's console shows it; undefined: it has no console any more */
  stage(node: string, stage: ConsoleStageState | undefined): void {
    // It may be gone already, and is not to be watched anew.
    const watches = stage ? this.#node(node) : this.#nodes.get(node);
    if (watches) this.#tellAll(watches, watches.setStage(stage, this.clock.monotonicMs()));
  }

  liveness(node: string, liveness: NodeStatus["liveness"]): void {
    const watches = this.#node(node);
    this.#tellAll(watches, watches.setLiveness(liveness, this.clock.monotonicMs()));
  }

  /** @param hasDuties whether anything hangs on the agent */
  agentDeclared(agent: string, hasDuties: boolean): void {
    this.#site.agentDeclared(agent, hasDuties);
    if (hasDuties) return;
    const own = `agent:${agent}`;
    this.#letGo((subject) => (subject === own ? this.#site.whyGone(subject) : undefined));
  }

  agentThere(agent: string, isThere: boolean): void {
    this.#site.agentThere(agent, isThere);
    this.#witnessesChanged((watches) => watches.agents.has(agent));
  }

  /** @param isThere whether a service other than this one can do its work */
  serviceThere(service: string, isThere: boolean): void {
    if (this.#site.service(service) === isThere) return;
    this.#site.serviceThere(service, isThere);
    if (service === "power") this.#witnessesChanged();
  }

  agentLost(agent: string, lost: DroppedReadings): void {
    this.#site.agentLost(agent, lost);
  }

  /** The broker is there, and whoever is there says so in a moment. */
  connected(): void {
    this.#site.connected();
  }

  /** The broker went away. */
  disconnected(): void {
    this.#settleAtMs = undefined;
    this.#site.disconnected();
    this.#witnessesChanged();
  }

  /** @param offsetSeconds how far an agent's calendar is ahead */
  clockSeen(agent: string, offsetSeconds: number): void {
    this.#site.clockSeen(agent, offsetSeconds);
  }

  /** The power domains that there are. */
  domains(domains: SitePolicy["powerDomains"]): void {
    this.#site.domains(domains);
    this.#letGo((subject) =>
      subject.startsWith("domain:") ? this.#site.whyGone(subject) : undefined,
    );
  }

  draw(draw: DomainDraw): void {
    this.#site.draw(draw);
  }

  store(health: StoreHealth): void {
    this.#site.store(health);
  }

  /** @param problems channels of notifications that do not take what they are told */
  delivery(problems: readonly DeliveryProblem[]): void {
    this.#site.delivery(problems);
  }

  /** To be called each second or so. */
  tick(): void {
    const nowMs = this.clock.monotonicMs();
    const isLook = nowMs - this.#lookedMs >= LOOK_MS;
    if (isLook) this.#lookedMs = nowMs;
    const due = isLook ? [...this.#nodes.values()] : [...this.#pending];
    this.#pending.clear();
    for (const watches of due) this.#tellAll(watches, watches.tick(nowMs));
    this.#site.tick(isLook);
    if (nowMs - this.#rewordedMs >= REWORD_MS) this.#reword(nowMs);
    if (nowMs >= (this.#settleAtMs ?? Number.POSITIVE_INFINITY)) this.#settle();
  }

  /** Where what an alarm is about is. */
  placeOf(subject: string, id: string): Place {
    const node = nodeOfSubject(subject);
    if (node !== undefined) {
      const watches = this.#nodes.get(node);
      const agent = watches?.agentOfAlarm(id);
      const domain = this.#site.domainOf(node);
      return {
        nodes: [node],
        ...(agent === undefined ? {} : { agent }),
        ...(domain === undefined ? {} : { domain }),
      };
    }
    if (subject.startsWith("domain:")) {
      const domain = subject.slice(7);
      return { nodes: this.#site.nodesOfDomain(domain), domain };
    }
    if (!subject.startsWith("agent:")) return { nodes: [] };
    const agent = subject.slice(6);
    return { nodes: this.#nodesOf(agent), agent };
  }

  /** Nodes that hang on an agent. */
  #nodesOf(agent: string): string[] {
    return [...this.#nodes]
      .filter(([, watches]) => watches.agents.has(agent))
      .map(([node]) => node);
  }

  #node(node: string): NodeWatches {
    let found = this.#nodes.get(node);
    if (!found) {
      this.#nodes.set(node, (found = new NodeWatches(node, this.clock, this.#witnesses)));
      if (this.#policy) found.govern(alarmRulesOf(this.#policy, node));
      this.#takeUp(found);
    }
    return found;
  }

  #witnessesChanged(concerns: (watches: NodeWatches) => boolean = () => true): void {
    const nowMs = this.clock.monotonicMs();
    for (const watches of this.#nodes.values())
      if (concerns(watches)) this.#tellAll(watches, watches.witnessesChanged(nowMs));
  }

  #takeUp(watches: NodeWatches): void {
    if (this.#restored.size > 0) for (const watch of watches.watches()) this.#takeUpOne(watch);
  }

  /** A watch begins where the process before this one was. */
  #takeUpOne(watch: Watch): void {
    const key = `${watch.subject} ${watch.id}`;
    const before = this.#restored.get(key);
    if (!before) return;
    this.#restored.delete(key);
    watch.restore(before.severity, this.clock.monotonicMs(), before.message);
  }

  /** What stood of nodes that are known now and has no watch will never have one. */
  #dropStale(): void {
    if (!this.#policy) return;
    for (const [key, { subject, id }] of this.#restored) {
      const node = nodeOfSubject(subject);
      const isKnown =
        node === undefined
          ? !Object.hasOwn(this.#policy.siteRules, id)
          : this.#nodes.get(node)?.description !== undefined;
      if (!isKnown) continue;
      this.#restored.delete(key);
      this.findings.over({ subject, id }, "its rule or its sensor is gone");
    }
  }

  /** What stood before of nodes, agents and domains that are gone by now. */
  #settle(): void {
    this.#settleAtMs = undefined;
    this.#letGo((subject) => {
      const node = nodeOfSubject(subject);
      if (node === undefined) return this.#site.whyGone(subject);
      return this.#nodes.get(node)?.description ? undefined : NODE_GONE;
    });
  }

  /** Ends what stood before and has no watch yet, where there is a reason. */
  #letGo(whyOf: (subject: string) => string | undefined): void {
    for (const [key, { subject, id }] of this.#restored) {
      const why = whyOf(subject);
      if (why === undefined) continue;
      this.#restored.delete(key);
      this.findings.over({ subject, id }, why);
    }
  }

  #end(watches: Iterable<Watch>, why: string): void {
    // Also one that is calm: its alarm may still be kept raised.
    for (const { subject, id } of watches) this.findings.over({ subject, id }, why);
  }

  #tellAll(node: NodeWatches, watches: Iterable<Watch>): void {
    for (const watch of watches) {
      this.#tell(watch);
      if (watch.isPending) this.#pending.add(node);
    }
  }

  #tell(watch: Watch): void {
    const news = watch.news();
    if (news === undefined) return;
    const { subject, id } = watch;
    if (news === "over") return this.findings.over({ subject, id });
    this.findings.found(findingOf(watch, news), this.placeOf(subject, id));
  }

  #reword(nowMs: number): void {
    this.#rewordedMs = nowMs;
    const ofNodes = [...this.#nodes.values()].flatMap((node) => [...node.watches()]);
    for (const watch of [...ofNodes, ...this.#site.watches()]) {
      const reworded = watch.reworded();
      if (reworded && reworded.said.message !== FORMER_LOSS)
        this.findings.reworded(findingOf(watch, reworded));
    }
  }
}

const NODE_GONE = "the node is gone";
