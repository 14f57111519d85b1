import { foldNodes } from "@outrider/contracts/node-set";
import { countText } from "./count.js";
import type { Finding } from "./findings.js";
import { problemOf, type NodeView } from "./node-rows.js";

/** What supplies, or the agents that read them, say is wrong, that of one device together: a dead switch is one finding and not 48. */
export function supplyFindings(nodes: readonly NodeView[]): Finding[] {
  const wrong = nodes.flatMap((node) => {
    const problem = problemOf(node);
    return problem === undefined ? [] : [{ ...node, problem }];
  });
  const groups = Map.groupBy(
    wrong,
    (node) => `${isUnknown(node)} ${wordsOf(node.problem, node.id)}`,
  );
  return [...groups.values()].map(findingOf);
}

type Wrong = NodeView & { readonly problem: string };

function findingOf(group: readonly Wrong[]): Finding {
  const [first] = group;
  if (!first) throw new TypeError("a group has a node");
  const { id, problem } = first;
  const isSame = group.every((one) => one.problem === problem);
  const set = foldNodes(group.map((node) => node.id));
  return {
    level: isUnknown(first) ? "error" : "warning",
    what: isSame
      ? `${set}: ${problem}`
      : `${set}: ${countText(group.length, "node")} have the same; ${id}: ${problem}`,
    advice: `mend that; \`outrider agent test ${id}.power\` tries it again`,
  };
}

function isUnknown({ supply }: NodeView): boolean {
  return supply?.value === "Unknown";
}

/** What of a problem is the same for all nodes that have it: neither the node nor where on the device it hangs, nor a count. */
function wordsOf(problem: string, id: string): string {
  return problem
    .replaceAll(new RegExp(`(?<![\\w-])${id}(?![\\w-])`, "g"), "*")
    .replaceAll(
      /\b(port|outlet|socket|relay|channel|line|slot|bay|coil) [\w./-]*\d[\w/-]*/gi,
      "$1 *",
    )
    .replaceAll(/(?<![\w.:])\d+(?![\w.:])/g, "*");
}
