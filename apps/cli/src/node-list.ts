import type { Api } from "./api.js";
import type { Console } from "./console.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { foldedNodes } from "./folded-nodes.js";
import { NODE_COLUMNS, type NodeView } from "./node-rows.js";
import { showList, type Format } from "./output.js";
import { plain } from "./plain.js";

/** `folded`: a line for each state. */
export type NodesFormat = Format | "folded";

/** The nodes of a node set. @throws ApiError for a set that cannot be read or names what is not there */
export function nodesOf(api: Api, nodes: string | undefined): Promise<NodeView[]> {
  return api.pages<NodeView>("/nodes", { nodes, limit: 1000 }, "nodes");
}

/**
 * Shows the nodes of a node set. A set that yields none is an error: a script that goes on would have looked at nothing.
 * @param words a node set; none: all nodes
 */
export async function showNodes(
  api: Api,
  words: readonly string[],
  format: NodesFormat,
  console: Console,
): Promise<ExitCode> {
  const set = words.length === 0 ? undefined : words.join(",");
  const nodes = await nodesOf(api, set);
  const isNone = set !== undefined && nodes.length === 0;
  if (format === "folded") for (const line of foldedNodes(nodes)) console.out(line);
  else if (!isNone || format !== "table") showList(nodes, format, NODE_COLUMNS, console);
  if (!isNone) return EXIT.verified;
  console.error(plain(`outrider: no node in this set, of those that you may see: ${set}`));
  return EXIT.precondition;
}
