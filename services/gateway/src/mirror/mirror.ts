import type { AgentDescription, AgentStatus } from "@outrider/contracts/agent";
import type { Clock } from "@outrider/contracts/clock";
import type { ConsoleState } from "@outrider/contracts/console";
import type { NodeLock } from "@outrider/contracts/lock";
import type { NodeDescription, NodeStatus } from "@outrider/contracts/node";
import type { PowerResult, PowerState } from "@outrider/contracts/power";
import type { AlarmState } from "@outrider/contracts/telemetry";
import type { ServiceStatus, Site } from "@outrider/contracts/service";
import type { ServiceDescription } from "@outrider/contracts/service-plane";
import type { Heard, NodeRecord } from "./node-record.js";

export interface AgentRecord {
  readonly id: string;
  readonly status?: AgentStatus;
  readonly description?: AgentDescription;
  readonly revision: number;
}

export interface ServiceRecord {
  readonly id: string;
  readonly status?: ServiceStatus;
  readonly description?: ServiceDescription;
  readonly revision: number;
}

/** Documents of a node and what they are. */
export interface NodeDocuments {
  readonly description: NodeDescription;
  readonly state: PowerState;
  readonly status: NodeStatus;
  readonly lock: NodeLock;
  readonly console: ConsoleState;
  readonly alarms: ReadonlyMap<string, AlarmState>;
  readonly result: PowerResult;
}

export type MirrorChange =
  | {
      readonly of: "node";
      readonly id: string;
      readonly part: keyof NodeDocuments;
      /** Only times have changed: it need not be told at once. */
      readonly quiet?: boolean;
    }
  | { readonly of: "agent"; readonly id: string }
  | { readonly of: "service"; readonly id: string }
  | { readonly of: "alarm"; readonly subject: string; readonly id: string };

/** An alarm of what is no node: of an agent, a power domain or a service. */
export interface SiteAlarm {
  /** `agent:rack-a` */
  readonly subject: string;
  readonly alarm: AlarmState;
}

const COLLATOR = new Intl.Collator("en", { numeric: true });

/** What the gateway knows of the site, all of it heard on the bus. The services' word, never its own. */
export class Mirror {
  site: Site | undefined;
  readonly #nodes = new Map<string, NodeRecord>();
  readonly #agents = new Map<string, AgentRecord>();
  readonly #services = new Map<string, ServiceRecord>();
  /** By subject and id. */
  readonly #siteAlarms = new Map<string, SiteAlarm>();
  readonly #listeners = new Set<(change: MirrorChange) => void>();
  #order: readonly string[] | undefined;
  #revision = 0;

  constructor(private readonly clock: Clock) {}

  /** Rises with every change of anything. */
  get revision(): number {
    return this.#revision;
  }

  /** Is told of each change once it is in. */
  onChange(listener: (change: MirrorChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes a document of a node, or that it was cleared. */
  hear<K extends keyof NodeDocuments>(
    node: string,
    part: K,
    value: NodeDocuments[K] | undefined,
  ): void {
    const before = this.#nodes.get(node);
    const heard: Heard<NodeDocuments[K]> | undefined = value && {
      value,
      atMs: this.clock.monotonicMs(),
    };
    const after: NodeRecord & { -readonly [P in keyof NodeDocuments]?: Heard<NodeDocuments[P]> } = {
      ...before,
      id: node,
      revision: ++this.#revision,
    };
    if (heard) Object.assign(after, { [part]: heard });
    else delete after[part];
    const { description, state, status, lock, console, alarms } = after;
    if (description ?? state ?? status ?? lock ?? console ?? alarms) this.#nodes.set(node, after);
    else this.#nodes.delete(node);
    if (part === "description" && !(before?.description && heard)) this.#order = undefined;
    const quiet =
      part === "console" && isConsoleAlike(before?.console?.value, after.console?.value);
    this.#tell({ of: "node", id: node, part, ...(quiet ? { quiet } : {}) });
  }

  /** Takes an alarm of a node, or that it is over. */
  hearAlarm(node: string, id: string, alarm: AlarmState | undefined): void {
    const alarms = new Map(this.#nodes.get(node)?.alarms?.value);
    if (alarm) alarms.set(id, alarm);
    else if (!alarms.delete(id)) return;
    this.hear(node, "alarms", alarms.size === 0 ? undefined : alarms);
  }

  /** Takes an alarm of what is no node, or that it is over. */
  hearSiteAlarm(subject: string, id: string, alarm: AlarmState | undefined): void {
    const name = `${subject}/${id}`;
    if (alarm) this.#siteAlarms.set(name, { subject, alarm });
    else if (!this.#siteAlarms.delete(name)) return;
    this.#revision += 1;
    this.#tell({ of: "alarm", subject, id });
  }

  hearAgent(id: string, heard: Partial<Pick<AgentRecord, "status" | "description">>): void {
    this.#agents.set(id, { ...this.#agents.get(id), ...heard, id, revision: ++this.#revision });
    this.#tell({ of: "agent", id });
  }

  /** Takes what was said of a command of a node that there is. What comes late or twice changes nothing. */
  hearResult(node: string, result: PowerResult): void {
    const record = this.#nodes.get(node);
    if (!record) return;
    const before = record.result?.value;
    const isSame = before?.id === result.id && before.actor === result.actor;
    if (isSame && before.seq >= result.seq) return;
    this.hear(node, "result", result);
  }

  forgetAgent(id: string): void {
    if (!this.#agents.delete(id)) return;
    this.#revision += 1;
    this.#tell({ of: "agent", id });
  }

  hearService(id: string, heard: Partial<Pick<ServiceRecord, "status" | "description">>): void {
    this.#services.set(id, { ...this.#services.get(id), ...heard, id, revision: ++this.#revision });
    this.#tell({ of: "service", id });
  }

  /** A node that is declared. */
  node(id: string): NodeRecord | undefined {
    const record = this.#nodes.get(id);
    return record?.description ? record : undefined;
  }

  /** Ids of the declared nodes in the order in which people read them: n2 before n10. */
  nodeIds(): readonly string[] {
    this.#order ??= [...this.#nodes.values()]
      .filter(({ description }) => description)
      .map(({ id }) => id)
      .toSorted((a, b) => COLLATOR.compare(a, b));
    return this.#order;
  }

  /** What node sets choose from. */
  *universe(): Generator<NodeDescription> {
    for (const { description } of this.#nodes.values()) if (description) yield description.value;
  }

  agents(): AgentRecord[] {
    return [...this.#agents.values()].toSorted((a, b) => COLLATOR.compare(a.id, b.id));
  }

  agent(id: string): AgentRecord | undefined {
    return this.#agents.get(id);
  }

  services(): ServiceRecord[] {
    return [...this.#services.values()].toSorted((a, b) => COLLATOR.compare(a.id, b.id));
  }

  service(id: string): ServiceRecord | undefined {
    return this.#services.get(id);
  }

  /** Those that stand, of what is no node. Only who is bound to no nodes may see them. */
  siteAlarms(): SiteAlarm[] {
    return [...this.#siteAlarms.values()].toSorted(
      (a, b) => COLLATOR.compare(a.subject, b.subject) || COLLATOR.compare(a.alarm.id, b.alarm.id),
    );
  }

  /** One that stands. */
  siteAlarm(subject: string, id: string): AlarmState | undefined {
    return this.#siteAlarms.get(`${subject}/${id}`)?.alarm;
  }

  #tell(change: MirrorChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

/** Whether two states of a console differ in nothing but when something was seen or said. */
function isConsoleAlike(a: ConsoleState | undefined, b: ConsoleState | undefined): boolean {
  if (!a || !b) return false;
  const lasting = (state: ConsoleState): string =>
    JSON.stringify({ ...state, observedAt: undefined, lastByteAt: undefined });
  return lasting(a) === lasting(b);
}
