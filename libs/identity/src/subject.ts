import { ROLE_RIGHTS, type Right, type Role } from "@outrider/contracts/identity";

/** Who asks, once that was checked. */
export interface Subject {
  readonly kind: "person" | "service" | "agent" | "anonymous";
  readonly name: string;
  readonly role?: Role | undefined;
  /** All of them: those of the role and those granted beside it, less what a token leaves out. */
  readonly rights: readonly Right[];
  /** The only nodes that the subject may see and touch. Undefined: all. */
  readonly nodes?: readonly string[] | undefined;
}

/** Rights about the site as a whole; who may touch some nodes only cannot have them. */
export const SITE_RIGHTS: ReadonlySet<Right> = new Set<Right>(["site", "identity", "audit"]);

const scopes = new WeakMap<readonly string[], ReadonlySet<string>>();

/**
 * Whether somebody may do something: the one function that every entry point asks. Pure.
 *
 * A subject with a node scope may do nothing on other nodes, nothing about the site as a whole, and may read what is
 * of no node in particular.
 * @param node on which node; left out where it is about none
 * @returns true, or the sentence that says why not
 */
export function may(subject: Subject, right: Right, node?: string): true | string {
  if (subject.kind === "agent") return "agents report and obey; they may not ask for anything";
  if (!subject.rights.includes(right)) {
    return `${subject.name} does not have the right ${right}; an administrator can grant it`;
  }
  if (subject.nodes === undefined) return true;
  if (SITE_RIGHTS.has(right)) {
    return `${subject.name} may touch some nodes only, and ${right} is about the whole site`;
  }
  if (node === undefined || inScope(subject.nodes, node)) return true;
  return `${node} is not among the nodes that ${subject.name} may touch`;
}

/** Whether a node is among those that a subject may see or touch at all. */
export function isVisibleTo({ nodes }: Pick<Subject, "nodes">, node: string): boolean {
  return nodes === undefined || inScope(nodes, node);
}

/** The rights of a role and those granted beside it. */
export function rightsOf(role: Role, extra: readonly Right[] = []): readonly Right[] {
  return [...new Set([...ROLE_RIGHTS[role], ...extra])];
}

function inScope(nodes: readonly string[], node: string): boolean {
  let scope = scopes.get(nodes);
  if (!scope) scopes.set(nodes, (scope = new Set(nodes)));
  return scope.has(node);
}
