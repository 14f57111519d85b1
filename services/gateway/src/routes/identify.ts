import { IdentifySet, identifyNode, NodeIdentified } from "@outrider/contracts/identify";
import { nodeId } from "@outrider/contracts/ids";
import { route, type Call } from "../http/route.js";
import { asking } from "./asking.js";
import { knownNode, NodeParams } from "./nodes.js";

/** Longer than an agent is waited for by the service. */
const WITHIN_MS = 12_000;

export const IDENTIFY_ROUTES = [
  route({
    method: "POST",
    path: "/nodes/{node}/identify",
    id: "identifyNode",
    tag: "nodes",
    summary: "Lets the lamp of a node shine, for a time or until it is told otherwise.",
    right: "power",
    params: NodeParams,
    body: IdentifySet,
    reply: NodeIdentified,
    statuses: { 200: "The lamp as it was read back." },
    problems: [404, 422, 503, 504, 507],
    handle: async (call: Call<NodeParams, object, IdentifySet>, parts) => {
      const { params, body } = call;
      knownNode(params.node, call, parts);
      const asked = { node: nodeId(params.node), state: body.state };
      return { body: await asking(parts, call, identifyNode, asked, WITHIN_MS) };
    },
  }),
];
