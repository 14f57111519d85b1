import type { AgentDescription, AgentDesired, AgentStatus } from "@outrider/contracts/agent";
import type { NodeDescription } from "@outrider/contracts/node";
import type { Site } from "@outrider/contracts/service";
import type { Device } from "./entities/device.js";
import { nodeDevice, SITE_OBJECT } from "./entities/node-device.js";
import { nodeFacts } from "./entities/node-facts.js";
import { agentDevice, siteDevice } from "./entities/site-devices.js";
import { homeAssistantObject } from "@outrider/contracts/home-assistant";

const OBJECT = /^outrider_(node|agent)_(.+)$/;

/** What the bus says of nodes, agents and services, as far as devices of Home Assistant are made of it. */
export class SiteFacts {
  readonly #nodes = new Map<string, { description: NodeDescription; isCertain: boolean }>();
  readonly #nodesOf = new Map<string, Set<string>>();
  readonly #agents = new Map<string, AgentDescription>();
  readonly #versions = new Map<string, string>();
  readonly #staleAfterMs = new Map<string, ReadonlyMap<string, number>>();
  readonly #services = new Set<string>();
  #site: Pick<Site, "name" | "version"> | undefined;

  /** @param changed told which device may look otherwise now, by its object */
  constructor(private readonly changed: (object: string) => void) {}

  node(node: string, description: NodeDescription | undefined): void {
    const before = this.#nodes.get(node)?.description;
    if (description) this.#nodes.set(node, { description, isCertain: true });
    else this.#nodes.delete(node);
    const agents = new Set([...agentsOf(before), ...agentsOf(description)]);
    for (const agent of agents) {
      const of = this.#nodesOf.get(agent) ?? new Set();
      if (agentsOf(description).includes(agent)) of.add(node);
      else of.delete(node);
      if (of.size > 0) this.#nodesOf.set(agent, of);
      else this.#nodesOf.delete(agent);
      this.changed(homeAssistantObject("agent", agent));
    }
    this.changed(homeAssistantObject("node", node));
  }

  agent(agent: string, description: AgentDescription | undefined): void {
    if (description) this.#agents.set(agent, description);
    else this.#agents.delete(agent);
    this.#agentChanged(agent);
  }

  agentStatus(agent: string, status: AgentStatus | undefined): void {
    if (status) this.#versions.set(agent, status.version);
    else this.#versions.delete(agent);
    this.changed(homeAssistantObject("agent", agent));
  }

  desired(agent: string, desired: AgentDesired | undefined): void {
    const spans = (desired?.endpoints ?? []).map(
      ({ endpoint, staleAfterMs }) => [endpoint, staleAfterMs] as const,
    );
    this.#staleAfterMs.set(agent, new Map<string, number>(spans));
    this.#agentChanged(agent);
  }

  service(service: string): void {
    if (this.#services.has(service)) return;
    this.#services.add(service);
    this.changed(SITE_OBJECT);
  }

  site(site: Pick<Site, "name" | "version">): void {
    this.#site = site;
    this.changed(SITE_OBJECT);
  }

  /** What is declared may be otherwise when the connection is there again. */
  doubt(): void {
    for (const [node, one] of this.#nodes) this.#nodes.set(node, { ...one, isCertain: false });
  }

  /** All that is declared has been said: what has not been said again is gone. */
  settle(): void {
    for (const [node, { isCertain }] of this.#nodes) if (!isCertain) this.node(node, undefined);
  }

  /** Objects of all devices that there may be. */
  objects(): string[] {
    return [
      SITE_OBJECT,
      ...Array.from(this.#nodes.keys(), (node) => homeAssistantObject("node", node)),
      ...Array.from(new Set([...this.#nodesOf.keys(), ...this.#versions.keys()]), (agent) =>
        homeAssistantObject("agent", agent),
      ),
    ];
  }

  /** The device as it is now; undefined where there is none. */
  device(object: string, url: string | undefined): Device | undefined {
    if (object === SITE_OBJECT) {
      return (
        this.#site &&
        siteDevice(this.#site.name, this.#site.version, [...this.#services].toSorted(), url)
      );
    }
    const [, kind, id = ""] = OBJECT.exec(object) ?? [];
    if (kind === "agent") {
      const isKnown = this.#nodesOf.has(id) || this.#versions.has(id);
      return isKnown ? agentDevice(id, this.#versions.get(id)) : undefined;
    }
    const known = kind === "node" ? this.#nodes.get(id) : undefined;
    if (!known) return undefined;
    const facts = nodeFacts(known.description, this.#agents, (agent, endpoint) =>
      this.#staleAfterMs.get(agent)?.get(endpoint),
    );
    return nodeDevice(facts, url);
  }

  #agentChanged(agent: string): void {
    this.changed(homeAssistantObject("agent", agent));
    for (const node of this.#nodesOf.get(agent) ?? [])
      this.changed(homeAssistantObject("node", node));
  }
}

function agentsOf(description: NodeDescription | undefined): string[] {
  return Object.values(description?.interfaces ?? {}).flatMap((bindings) =>
    bindings.map(({ agent }) => agent),
  );
}
