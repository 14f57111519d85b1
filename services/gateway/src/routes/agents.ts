import {
  Id,
  ListOf,
  Nested,
  NestedList,
  OneOf,
  Optional,
  Text,
  Timestamp,
} from "@outrider/contracts/decorators";
import { AgentDescription, AgentStatus } from "@outrider/contracts/agent";
import { SERVICES, type ServiceName } from "@outrider/contracts/ids";
import { ServiceStatus } from "@outrider/contracts/service";
import { Integer } from "@outrider/contracts/decorators";
import { tagOf } from "../http/etag.js";
import { HttpProblem } from "../http/problem.js";
import { route, type Call } from "../http/route.js";
import { isVisibleTo, type Subject } from "@outrider/identity/subject";
import type { AgentRecord, Mirror } from "../mirror/mirror.js";
import { agentsOf } from "./node-view.js";
import { askListener, saidBy } from "./service-listener.js";

/** An agent as it says of itself. */
export class AgentView {
  @Id() id!: string;
  /** Missing where nodes are bound to the agent, and it was never heard. */
  @Optional() @Nested(() => AgentStatus) status?: AgentStatus;
  /** How many endpoints it has, and how many of them it could not open. */
  @Integer(0) endpoints!: number;
  @Integer(0) failed!: number;
  /** Generation of its configuration. */
  @Optional() @Integer(0) generation?: number;
}

export class AgentList {
  @NestedList(() => AgentView, 10_000) agents!: AgentView[];
}

export class AgentDetail {
  @Id() id!: string;
  @Optional() @Nested(() => AgentStatus) status?: AgentStatus;
  @Optional() @Nested(() => AgentDescription) description?: AgentDescription;
}

export class AgentParams {
  @Id() agent!: string;
}

export class ServiceView {
  @Id() id!: string;
  @Optional() @Nested(() => ServiceStatus) status?: ServiceStatus;
}

export class ServiceList {
  @NestedList(() => ServiceView, 100) services!: ServiceView[];
}

export class ServiceParams {
  @OneOf(SERVICES) service!: ServiceName;
}

/** How a service says that it is. */
export class ServiceHealth {
  @OneOf(SERVICES) service!: ServiceName;
  @OneOf(["ready", "degraded"]) state!: "ready" | "degraded";
  /** Since when it is in this state. */
  @Timestamp() since!: string;
  /**
   * What is wrong, in sentences that say what to do; empty when nothing is. Missing for whoever may see some nodes
   * only, because they name others.
   */
  @Optional() @ListOf(/^[^\u0000]{1,2000}$/, 100) reasons?: string[];
}

/** Whether people can be served. */
export class Health {
  @OneOf(["ok", "degraded"]) state!: "ok" | "degraded";
  @Text(64) version!: string;
  @NestedList(() => ServiceView, 100) services!: ServiceView[];
}

const COLLATOR = new Intl.Collator("en", { numeric: true });

const NEEDED: readonly ServiceName[] = ["inventory", "power"];

export const AGENT_ROUTES = [
  route({
    method: "GET",
    path: "/agents",
    id: "listAgents",
    tag: "agents",
    summary:
      "Agents and whether they are connected; also those that nodes need and that were never heard.",
    right: "read",
    reply: AgentList,
    statuses: { 200: "All agents." },
    headers: ["if-none-match"],
    handle: ({ subject }, { mirror }) => {
      const agents = agentsWithDeclared(mirror, subject);
      const body = {
        agents: agents.map(({ id, status, description }) => ({
          id,
          ...(status ? { status } : {}),
          endpoints: description?.endpoints.length ?? 0,
          failed: description?.endpoints.filter(({ state }) => state === "failed").length ?? 0,
          ...(description ? { generation: description.generation } : {}),
        })),
      };
      return { body, etag: tagOf(...agents.map(({ id, revision }) => `${id}:${revision}`)) };
    },
  }),
  route({
    method: "GET",
    path: "/agents/{agent}",
    id: "getAgent",
    tag: "agents",
    summary: "One agent with its endpoints, drivers and fences.",
    right: "read",
    params: AgentParams,
    reply: AgentDetail,
    statuses: { 200: "The agent." },
    problems: [404],
    headers: ["if-none-match"],
    handle: ({ params, subject }, { mirror }) => {
      const agent =
        mirror.agent(params.agent) ??
        declaredAgents(mirror, subject).find(({ id }) => id === params.agent);
      if (!agent) {
        throw new HttpProblem(
          "not-found",
          "no agent of this id has ever been heard, and no node is bound to one",
          { field: "agent" },
        );
      }
      const { id, status, description, revision } = agent;
      return {
        body: {
          id,
          ...(status ? { status } : {}),
          // It names all nodes that are bound to the agent.
          ...(description && subject.nodes === undefined ? { description } : {}),
        },
        etag: tagOf(id, revision),
      };
    },
  }),
  route({
    method: "GET",
    path: "/services",
    id: "listServices",
    tag: "services",
    summary: "Services and whether they are there.",
    right: "read",
    reply: ServiceList,
    statuses: { 200: "All services that were ever heard." },
    handle: (_call, { mirror }) => ({ body: { services: servicesOf(mirror) } }),
  }),
  route({
    method: "GET",
    path: "/services/{service}/metrics",
    id: "getMetrics",
    tag: "services",
    summary: "Metrics of a service in Prometheus' text format.",
    right: "read",
    params: ServiceParams,
    gives: "text/plain",
    statuses: { 200: "The metrics." },
    problems: [404, 503, 504],
    handle: async ({ params, signal }, parts) => {
      const reply = await askListener(parts, params.service, { path: "/metrics", signal });
      if (reply.status === 404) {
        throw new HttpProblem("not-found", `the ${params.service} service tells no metrics`);
      }
      return { text: { type: "text/plain; version=0.0.4", value: reply.text } };
    },
  }),
  route({
    method: "GET",
    path: "/services/{service}/health",
    id: "getServiceHealth",
    tag: "services",
    summary: "How a service says that it is, and what is wrong with it.",
    right: "read",
    params: ServiceParams,
    reply: ServiceHealth,
    statuses: { 200: "As `state` says." },
    problems: [404, 503, 504],
    handle: async (call: Call<ServiceParams>, parts) => {
      const { service } = call.params;
      const asked = { path: "/health", signal: call.signal };
      const { status, text } = await askListener(parts, service, asked);
      // It says 503 of itself where something is wrong with it.
      if (status !== 200 && status !== 503) throw saidBy(service, status, text);
      const { state, since, reasons } = JSON.parse(text) as ServiceHealth;
      const isBound = call.subject.nodes !== undefined;
      return { body: { service, state, since, ...(isBound ? {} : { reasons }) } };
    },
  }),
  route({
    method: "GET",
    path: "/health",
    id: "getHealth",
    tag: "services",
    summary: "Whether the gateway, and what it needs, is there.",
    right: "public",
    reply: Health,
    statuses: { 200: "As `state` says." },
    handle: (_call, { mirror, version }) => {
      const services = servicesOf(mirror);
      const ready = (name: string): boolean => mirror.service(name)?.status?.state === "ready";
      return { body: { state: NEEDED.every(ready) ? "ok" : "degraded", version, services } };
    },
  }),
];

type KnownAgents = Pick<Mirror, "agent" | "agents" | "universe">;

/** Agents that nodes are bound to, and that were never heard: as far as the subject may see such a node. */
function declaredAgents(mirror: KnownAgents, subject: Pick<Subject, "nodes">): AgentRecord[] {
  const ids = new Set<string>();
  for (const node of mirror.universe()) {
    if (!isVisibleTo(subject, node.id)) continue;
    for (const id of agentsOf(node)) if (!mirror.agent(id)) ids.add(id);
  }
  return [...ids].map((id) => ({ id, revision: 0 }));
}

/** All that were heard, and all that should have been, in the order in which people read them. */
export function agentsWithDeclared(
  mirror: KnownAgents,
  subject: Pick<Subject, "nodes">,
): AgentRecord[] {
  return [...mirror.agents(), ...declaredAgents(mirror, subject)].toSorted((a, b) =>
    COLLATOR.compare(a.id, b.id),
  );
}

function servicesOf(mirror: {
  services(): readonly { readonly id: string; readonly status?: ServiceStatus }[];
}): ServiceView[] {
  return mirror.services().map(({ id, status }) => ({ id, ...(status ? { status } : {}) }));
}
