import type { Api } from "./api.js";
import type { NodeView } from "./node-rows.js";

/** The nodes of a node set. @throws ApiError for a set that cannot be read or names what is not there */
export function nodesOf(api: Api, nodes: string | undefined): Promise<NodeView[]> {
  return api.pages<NodeView>("/nodes", { nodes, limit: 1000 }, "nodes");
}
