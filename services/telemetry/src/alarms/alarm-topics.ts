import { isAgentId, isNodeId } from "@outrider/contracts/ids";
import {
  agentAlarm,
  agentHealth,
  ALARM_SEVERITIES,
  domainAlarm,
  MOST_NAMED_ALARMS,
  nodeAlarm,
  serviceAlarm,
  siteHealth,
  type AlarmState,
  type AlarmSummary,
  type NamedAlarm,
} from "@outrider/contracts/telemetry";
import type { Session } from "@outrider/messaging/session";

/**
 * What stands on the bus of alarms: each on the topic of what it is about, and of agents and the site a summary, for
 * readers that can look at one topic only. The health of a node stands in its status.
 */
export class AlarmTopics {
  /** Agents on which something hangs. */
  readonly #agents = new Set<string>();
  /** Alarms that stand of what is no node, by subject and id. */
  readonly #standing = new Map<string, Map<string, NamedAlarm>>();

  constructor(private readonly session: Pick<Session, "own" | "retain">) {}

  /** To be called before the first alarm: this service alone writes all of them. */
  start(): void {
    const { session } = this;
    session.own(nodeAlarm);
    session.own(agentAlarm);
    session.own(domainAlarm);
    session.own(serviceAlarm);
    session.own(agentHealth);
    session.own(siteHealth);
    this.#summarise();
  }

  /** @param state undefined: the alarm is over */
  say({ subject, id }: Pick<NamedAlarm, "subject" | "id">, state: AlarmState | undefined): void {
    const { session } = this;
    const [kind, name = ""] = subject.split(":", 2);
    const alarm = id;
    if (kind === "node") {
      if (isNodeId(name)) session.retain(nodeAlarm, { node: name, alarm }, state);
      return;
    }
    if (kind === "agent") session.retain(agentAlarm, { agent: name, alarm }, state);
    else if (kind === "domain") session.retain(domainAlarm, { domain: name, alarm }, state);
    else if (kind === "service") session.retain(serviceAlarm, { service: name, alarm }, state);
    else return;
    const own = this.#standing.get(subject) ?? new Map<string, NamedAlarm>();
    if (state) own.set(id, { subject, id, severity: state.severity });
    else own.delete(id);
    if (own.size > 0) this.#standing.set(subject, own);
    else this.#standing.delete(subject);
    if (kind === "agent") this.#summariseAgent(name);
    else this.#summarise();
  }

  /** @param hasDuties whether something hangs on the agent; of others there is no health to tell */
  agentDeclared(agent: string, hasDuties: boolean): void {
    if (!isAgentId(agent)) return;
    if (hasDuties) this.#agents.add(agent);
    else this.#agents.delete(agent);
    this.#summariseAgent(agent);
  }

  #summariseAgent(agent: string): void {
    const standing = [...(this.#standing.get(`agent:${agent}`)?.values() ?? [])];
    const isTold = standing.length > 0 || this.#agents.has(agent);
    this.session.retain(agentHealth, { agent }, isTold ? summaryOf(standing) : undefined);
  }

  #summarise(): void {
    const others = [...this.#standing].filter(([subject]) => !subject.startsWith("agent:"));
    const standing = others.flatMap(([, own]) => [...own.values()]);
    this.session.retain(siteHealth, {}, summaryOf(standing));
  }
}

function summaryOf(standing: readonly NamedAlarm[]): AlarmSummary {
  const worst = ALARM_SEVERITIES.findLast((severity) =>
    standing.some((one) => one.severity === severity),
  );
  const alarms = standing.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  return { health: worst ?? "OK", alarms: alarms.slice(0, MOST_NAMED_ALARMS) };
}

function nameOf({ subject, id }: NamedAlarm): string {
  return `${subject} ${id}`;
}
