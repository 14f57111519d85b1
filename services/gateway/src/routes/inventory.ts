import { Id, Integer, Optional, Text } from "@outrider/contracts/decorators";
import {
  dismissProposal,
  DriftList,
  FactsReported,
  getFacts,
  getHistory,
  HistoryPage,
  listDrift,
  listProposals,
  NodeFacts,
  ProposalList,
  reportFacts,
  ReportFacts,
} from "@outrider/contracts/inventory";
import { HttpProblem } from "../http/problem.js";
import { route, type Call } from "../http/route.js";
import { isVisibleTo } from "@outrider/identity/subject";
import { asking } from "./asking.js";
import { knownNode, NodeParams } from "./nodes.js";

export class PageQuery {
  @Optional() @Text(200) cursor?: string;
  @Optional() @Integer(1, 200) limit?: number;
}

export class HistoryQuery {
  /** One of the two: a node, or the serial number of a part. */
  @Optional() @Id() node?: string;
  @Optional() @Text(128) part?: string;
  @Optional() @Text(200) cursor?: string;
  @Optional() @Integer(1, 200) limit?: number;
}

export class ProposalParams {
  @Text(64) id!: string;
}

export class DriftQuery {
  /** Only of this node or agent. */
  @Optional() @Id() subject?: string;
}

export const INVENTORY_ROUTES = [
  route({
    method: "GET",
    path: "/nodes/{node}/facts",
    id: "getFacts",
    tag: "inventory",
    summary: "The parts of a node, who saw them and when.",
    right: "read",
    params: NodeParams,
    reply: NodeFacts,
    statuses: { 200: "What is known." },
    problems: [404, 503, 504],
    handle: async (call, parts) => {
      const { id } = knownNode(call.params.node, call, parts);
      return { body: await asking(parts, call, getFacts, { node: id as never }) };
    },
  }),
  route({
    method: "PUT",
    path: "/nodes/{node}/facts",
    id: "reportFacts",
    tag: "inventory",
    summary: "Takes what somebody found in a node; replaces what the same source said before.",
    right: "site",
    params: NodeParams,
    body: ReportFacts,
    reply: FactsReported,
    statuses: { 200: "How much of it was new." },
    problems: [404, 409, 422, 503, 504, 507],
    handle: async (call: Call<NodeParams, object, ReportFacts>, parts) => {
      const { id } = knownNode(call.params.node, call, parts);
      if (call.body.node !== undefined && call.body.node !== id) {
        throw new HttpProblem("invalid", "node must be the one in the path, or be left out", {
          field: "node",
        });
      }
      const body = { ...call.body, node: id as never };
      return { body: await asking(parts, call, reportFacts, body) };
    },
  }),
  route({
    method: "GET",
    path: "/nodes/{node}/history",
    id: "getNodeHistory",
    tag: "inventory",
    summary: "What happened to a node and its parts, newest first.",
    right: "read",
    params: NodeParams,
    query: PageQuery,
    reply: HistoryPage,
    statuses: { 200: "A page of history." },
    problems: [404, 422, 503, 504],
    handle: async (call: Call<NodeParams, PageQuery>, parts) => {
      const { id } = knownNode(call.params.node, call, parts);
      const page = await asking(parts, call, getHistory, { node: id as never, ...call.query });
      const entries = page.entries.filter(
        ({ from }) => from === undefined || isVisibleTo(call.subject, from),
      );
      return { body: { ...page, entries } };
    },
  }),
  route({
    method: "GET",
    path: "/history",
    id: "getHistory",
    tag: "inventory",
    summary: "Where a part has been, or what happened to a node that may be gone.",
    right: "read",
    query: HistoryQuery,
    reply: HistoryPage,
    statuses: { 200: "A page of history." },
    problems: [404, 422, 503, 504],
    handle: async (call: Call<object, HistoryQuery>, parts) => {
      const { node, part } = call.query;
      if ((node === undefined) === (part === undefined)) {
        throw new HttpProblem("invalid", "name either a node or a part", { field: "node" });
      }
      if (node !== undefined && !isVisibleTo(call.subject, node)) {
        throw new HttpProblem("unknown-node", `there is no node ${node}`, { field: "node" });
      }
      const page = await asking(parts, call, getHistory, call.query as never);
      const { subject } = call;
      const entries = page.entries.filter(
        (one) =>
          subject.nodes === undefined ||
          (one.node !== undefined &&
            isVisibleTo(subject, one.node) &&
            (one.from === undefined || isVisibleTo(subject, one.from))),
      );
      return { body: { ...page, entries } };
    },
  }),
  route({
    method: "GET",
    path: "/drift",
    id: "listDrift",
    tag: "inventory",
    summary: "Where what is there is not what is declared.",
    right: "read",
    query: DriftQuery,
    reply: DriftList,
    statuses: { 200: "All drift." },
    problems: [503, 504],
    handle: async (call: Call<object, DriftQuery>, parts) => {
      const { subject } = call.query;
      const all = await asking(parts, call, listDrift, {});
      if (subject === undefined && call.subject.nodes === undefined) return { body: all };
      const drift = all.drift.filter(
        (one) =>
          (subject === undefined || one.subject === subject) &&
          isVisibleTo(call.subject, one.subject),
      );
      return { body: { drift, total: drift.length } };
    },
  }),
  route({
    method: "GET",
    path: "/proposals",
    id: "listProposals",
    tag: "inventory",
    summary: "What was seen and is not declared.",
    right: "read",
    reply: ProposalList,
    statuses: { 200: "All proposals." },
    problems: [503, 504],
    // What is not declared yet is nobody's node, and a suggestion names those around it.
    handle: async (call, parts) => ({
      body:
        call.subject.nodes === undefined
          ? await asking(parts, call, listProposals, {})
          : { proposals: [] },
    }),
  }),
  route({
    method: "DELETE",
    path: "/proposals/{id}",
    id: "dismissProposal",
    tag: "inventory",
    summary: "Forgets a proposal until the same thing is seen changed.",
    right: "site",
    params: ProposalParams,
    statuses: { 204: "It is forgotten." },
    problems: [404, 503, 504, 507],
    handle: async (call: Call<ProposalParams>, parts) => {
      await asking(parts, call, dismissProposal, { id: call.params.id });
      return {};
    },
  }),
];
