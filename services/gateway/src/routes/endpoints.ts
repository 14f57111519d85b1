import { DescribedDriver } from "@outrider/contracts/agent";
import { DetectSwitch } from "@outrider/contracts/agent-request";
import {
  detectEndpoints,
  DetectedEndpoints,
  testEndpoint,
  TestedEndpoint,
} from "@outrider/contracts/endpoints";
import {
  EndpointIdText,
  Id,
  ListOf,
  NestedList,
  OneOf,
  Optional,
} from "@outrider/contracts/decorators";
import {
  ID_PATTERN,
  PORT_KINDS,
  type AgentId,
  type EndpointId,
  type PortKind,
} from "@outrider/contracts/ids";
import { checkMay } from "../consoles/readable.js";
import { tagOf } from "../http/etag.js";
import { route, type Call } from "../http/route.js";
import type { AgentRecord } from "../mirror/mirror.js";
import { AgentParams } from "./agents.js";
import { asking } from "./asking.js";
import { knownNode } from "./nodes.js";

/** Longer than the inventory service waits for an agent, so that its words are heard. */
const DETECT_WITHIN_MS = 30_000;
const TEST_WITHIN_MS = 25_000;

/** A driver as agents describe it, and which of them do. */
export class DriverView extends DescribedDriver {
  /** Agents that describe it just so. Those of another version may have it with other options, as another entry. */
  @ListOf(ID_PATTERN, 10_000) agents!: string[];
}

export class DriverList {
  @NestedList(() => DriverView, 10_000) drivers!: DriverView[];
}

export class DriverQuery {
  /** Only of this port. */
  @Optional() @OneOf(PORT_KINDS) port?: PortKind;
  /** Only of this name. */
  @Optional() @Id() driver?: string;
}

export class DetectAsked {
  /** Switches that are asked, too, behind which of their ports the site's nodes are. */
  @Optional() @NestedList(() => DetectSwitch, 32) switches?: DetectSwitch[];
}

export class EndpointParams {
  @EndpointIdText() endpoint!: EndpointId;
}

/** Each driver once, with the agents that have it, in the order of ports and names. Pure. */
export function driversOf(
  agents: readonly Pick<AgentRecord, "id" | "description">[],
): DriverView[] {
  const known = new Map<string, DriverView>();
  for (const { id, description } of agents) {
    for (const driver of description?.drivers ?? []) {
      const key = JSON.stringify(driver);
      const view = known.get(key);
      if (view) view.agents.push(id);
      else known.set(key, { ...driver, agents: [id] });
    }
  }
  return [...known.values()].toSorted(
    (a, b) =>
      PORT_KINDS.indexOf(a.port) - PORT_KINDS.indexOf(b.port) ||
      (a.driver < b.driver ? -1 : a.driver > b.driver ? 1 : 0),
  );
}

export const ENDPOINT_ROUTES = [
  route({
    method: "GET",
    path: "/drivers",
    id: "listDrivers",
    tag: "agents",
    summary:
      "What agents can drive: options, needs, an example, and what each driver was tried against.",
    right: "read",
    query: DriverQuery,
    reply: DriverList,
    statuses: { 200: "All drivers of all agents that were ever heard." },
    headers: ["if-none-match"],
    handle: ({ query: { port, driver } }: Call<object, DriverQuery>, { mirror }) => {
      const agents = mirror.agents();
      const drivers = driversOf(agents).filter(
        (one) =>
          (port === undefined || one.port === port) &&
          (driver === undefined || one.driver === driver),
      );
      return {
        body: { drivers },
        etag: tagOf(...agents.map(({ id, revision }) => `${id}:${revision}`)),
      };
    },
  }),
  route({
    method: "POST",
    path: "/agents/{agent}/detect",
    id: "detectEndpoints",
    tag: "agents",
    summary: "Asks an agent what could be declared on it. Declares nothing, switches nothing.",
    // It tells what is on a host and in its network, and sends a community to whatever switch is named.
    right: "site",
    params: AgentParams,
    body: DetectAsked,
    bodyOptional: true,
    reply: DetectedEndpoints,
    statuses: { 200: "Proposals, and which detectors could not look." },
    problems: [404, 422, 503, 504, 507],
    handle: async (call: Call<AgentParams, object, DetectAsked>, parts) => {
      const { actor, via, params, body } = call;
      const switches = body.switches?.map(({ host }) => host) ?? [];
      const act = "agent.detect";
      await parts.audit.append({ actor, via, act, subject: params.agent, data: { switches } });
      const asked = { agent: params.agent as AgentId, ...body };
      return { body: await asking(parts, call, detectEndpoints, asked, DETECT_WITHIN_MS) };
    },
  }),
  route({
    method: "POST",
    path: "/endpoints/{endpoint}/test",
    id: "testEndpoint",
    tag: "agents",
    summary: "Exercises one endpoint without touching what its node does, and says what was seen.",
    right: "power",
    params: EndpointParams,
    reply: TestedEndpoint,
    statuses: { 200: "What was tried, and whether all of it worked." },
    problems: [404, 422, 503, 504, 507],
    handle: async (call: Call<EndpointParams>, parts) => {
      const { actor, via, subject, params } = call;
      const { endpoint } = params;
      const [node = ""] = endpoint.split(".", 1);
      knownNode(node, call, parts);
      checkMay(subject, "power", node, parts);
      await parts.audit.append({ actor, via, act: "endpoint.test", subject: endpoint });
      return { body: await asking(parts, call, testEndpoint, { endpoint }, TEST_WITHIN_MS) };
    },
  }),
];
