import { expandNodes, NodeSetError } from "@outrider/contracts/node-set";
import { isVisibleTo, type Subject } from "@outrider/identity/subject";
import type { Happening } from "../live/happenings.js";

type Scope = Pick<Subject, "nodes">;

/**
 * Whether all nodes of a folded list are the subject's. What spans others too, or was cut off so that it cannot be
 * said, is not shown to who may see some nodes only.
 */
export function isAllVisibleTo(subject: Scope, folded: string): boolean {
  if (subject.nodes === undefined) return true;
  try {
    const nodes = expandNodes(folded);
    return nodes.length > 0 && nodes.every((node) => isVisibleTo(subject, node));
  } catch (error) {
    if (error instanceof NodeSetError) return false;
    throw error;
  }
}

/** Whether somebody may hear of what happened: who may see some nodes only hears of what is of those alone. */
export function mayHear(subject: Scope, { node, kind, data }: Happening): boolean {
  if (subject.nodes === undefined) return true;
  if (node !== undefined) return isVisibleTo(subject, node);
  return nodesOf(kind, data).every((folded) => isAllVisibleTo(subject, folded));
}

/** Folded lists of the nodes that a service's event is about; one that cannot be read where it may be any. */
function nodesOf(kind: string, data: object): readonly string[] {
  const { data: told } = data as { readonly data?: Readonly<Record<string, unknown>> };
  const found: unknown[] =
    kind === "lock"
      ? [told?.["nodes"]]
      : kind === "transition"
        ? Object.values(told?.["changedTasks"] ?? { unknown: "…" })
        : [];
  const lists = found.filter((one): one is string => typeof one === "string" && one !== "");
  return lists.length > 0 && lists.length === found.length ? lists : ["…"];
}
