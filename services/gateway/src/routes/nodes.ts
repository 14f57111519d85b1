import { Id, Integer, NestedList, OneOf, Optional, Text } from "@outrider/contracts/decorators";
import { MANAGEMENT } from "@outrider/contracts/node";
import { HOST_VALUES, SUPPLY_VALUES, type Host, type Supply } from "@outrider/contracts/power";
import { tagOf } from "../http/etag.js";
import { HttpProblem } from "../http/problem.js";
import { route, type Call } from "../http/route.js";
import { isVisibleTo } from "@outrider/identity/subject";
import type { GatewayParts } from "../parts.js";
import { selectNodes } from "../mirror/select.js";
import { NodeView, nodeView, stampOf } from "./node-view.js";
import { cursorAfter, readCursor } from "./page.js";

const PAGE = { default: 100, max: 1000 } as const;

export class NodeParams {
  @Id() node!: string;
}

export class NodeFilter {
  /** Node set: `n[1-8]`, `@storage`, `rack=a`. */
  @Optional() @Text(8000) nodes?: string;
  @Optional() @Id() role?: string;
  /** `name=value` */
  @Optional() @Text(300) label?: string;
  @Optional() @OneOf(SUPPLY_VALUES) supply?: Supply;
  @Optional() @OneOf(HOST_VALUES) host?: Host;
  @Optional() @OneOf(MANAGEMENT) management?: (typeof MANAGEMENT)[number];
  @Optional() @Text(200) cursor?: string;
  @Optional() @Integer(1, PAGE.max) limit?: number;
}

/** In the order in which people count. */
export class NodePage {
  @NestedList(() => NodeView, PAGE.max) nodes!: NodeView[];
  /** How many match in all. */
  @Integer(0) total!: number;
  @Optional() @Text(200) next?: string;
}

function listNodes(
  { query, subject }: Call<object, NodeFilter>,
  { mirror, clock }: GatewayParts,
): { body: NodePage; etag: string } {
  const { nodes, role, label, supply, host, management, limit = PAGE.default } = query;
  const after = readCursor(query.cursor);
  const [labelName, labelValue] = splitLabel(label);
  const wanted = nodes === undefined ? undefined : new Set(selectNodes(nodes, mirror, subject));
  const found: { view: NodeView; stamp: string }[] = [];
  let total = 0;
  let passed = after === undefined;
  let more = false;
  for (const id of mirror.nodeIds()) {
    const record = mirror.node(id);
    if (!record || !isVisibleTo(subject, id) || (wanted && !wanted.has(id))) {
      if (id === after) passed = true;
      continue;
    }
    const description = record.description?.value;
    const matches =
      (role === undefined || description?.roles.includes(role)) &&
      (labelName === undefined || description?.labels[labelName] === labelValue) &&
      (supply === undefined || record.state?.value.supply.value === supply) &&
      (host === undefined || record.state?.value.host.value === host) &&
      (management === undefined || record.status?.value.management === management);
    if (matches) {
      total += 1;
      if (passed && found.length < limit) {
        const view = nodeView(record, clock);
        if (view) found.push({ view, stamp: stampOf(record, view) });
      } else if (passed) more = true;
    }
    if (id === after) passed = true;
  }
  if (!passed) {
    throw new HttpProblem("invalid", "the node that the cursor names has gone; begin anew", {
      field: "cursor",
    });
  }
  const last = found.at(-1)?.view.id;
  const body = {
    nodes: found.map(({ view }) => view),
    total,
    ...(more && last !== undefined ? { next: cursorAfter(last) } : {}),
  };
  return { body, etag: tagOf(total, ...found.map(({ stamp }) => stamp)) };
}

function splitLabel(label: string | undefined): [string, string] | [undefined, undefined] {
  if (label === undefined) return [undefined, undefined];
  const at = label.indexOf("=");
  if (at > 0) return [label.slice(0, at), label.slice(at + 1)];
  throw new HttpProblem("invalid", "label must be name=value", { field: "label" });
}

/** @throws HttpProblem 404 also for a node that the subject may not see */
export function knownNode(
  id: string,
  { subject }: Pick<Call, "subject">,
  { mirror }: Pick<GatewayParts, "mirror">,
): NonNullable<ReturnType<GatewayParts["mirror"]["node"]>> {
  const record = mirror.node(id);
  if (record && isVisibleTo(subject, id)) return record;
  throw new HttpProblem(
    "unknown-node",
    `there is no node ${id} in the site; GET /api/v1/nodes lists those that are`,
    { field: "node" },
  );
}

export const NODE_ROUTES = [
  route({
    method: "GET",
    path: "/nodes",
    id: "listNodes",
    tag: "nodes",
    summary: "Nodes with what was measured of them, in pages.",
    right: "read",
    query: NodeFilter,
    reply: NodePage,
    statuses: { 200: "A page of nodes." },
    problems: [422],
    headers: ["if-none-match"],
    handle: listNodes,
  }),
  route({
    method: "GET",
    path: "/nodes/{node}",
    id: "getNode",
    tag: "nodes",
    summary: "One node: description, state, age, lock and last command.",
    right: "read",
    params: NodeParams,
    reply: NodeView,
    statuses: { 200: "The node." },
    problems: [404],
    headers: ["if-none-match"],
    handle: (call, parts) => {
      const record = knownNode(call.params.node, call, parts);
      const view = nodeView(record, parts.clock);
      if (!view) throw new HttpProblem("unknown-node", "it has just gone");
      const interfaces = record.description?.value.interfaces ?? {};
      return { body: { ...view, interfaces }, etag: tagOf(stampOf(record, view)) };
    },
  }),
];
