import { ROLES, RIGHTS } from "@outrider/contracts/identity";
import type { IdentityStore } from "@outrider/identity/identity-store";
import type { Subject } from "@outrider/identity/subject";

const KINDS = ["person", "service", "agent", "anonymous"] as const;

/** Reads the subject that the gateway has admitted. Undefined when it is none. */
export function readSubject(header: string | undefined): Subject | undefined {
  if (header === undefined || header.length > 65_536) return undefined;
  let read: unknown;
  try {
    read = JSON.parse(header);
  } catch {
    return undefined;
  }
  if (typeof read !== "object" || read === null) return undefined;
  const { kind, name, role, rights, nodes } = read as Record<string, unknown>;
  const isSubject =
    KINDS.some((one) => one === kind) &&
    typeof name === "string" &&
    isListOf(rights, RIGHTS) &&
    (role === undefined || ROLES.some((one) => one === role)) &&
    (nodes === undefined ||
      (Array.isArray(nodes) && nodes.every((one) => typeof one === "string")));
  return isSubject ? (read as Subject) : undefined;
}

/** Takes up what is known of people, where somebody was added a moment ago. @throws StorageError */
export async function meet({ kind, name }: Subject, identity: IdentityStore): Promise<void> {
  if (kind === "person" && !identity.held.people.has(name)) await identity.refresh();
}

/**
 * What an admitted subject may do at each moment: of a person what they may now, and never more than what they were
 * admitted with (a token leaves rights out); nothing once they are not in the store any more. Of others what they were
 * admitted with. To be asked after {@link meet}.
 */
export function standing(admitted: Subject, identity: IdentityStore): () => Subject | undefined {
  if (admitted.kind !== "person") return () => admitted;
  return () => {
    const entry = identity.held.people.get(admitted.name);
    if (!entry || entry.person.disabled) return undefined;
    const { subject } = entry;
    return {
      ...subject,
      rights: subject.rights.filter((right) => admitted.rights.includes(right)),
      nodes: bothOf(subject.nodes, admitted.nodes),
    };
  };
}

function bothOf(
  now: readonly string[] | undefined,
  then: readonly string[] | undefined,
): readonly string[] | undefined {
  if (now === undefined || then === undefined) return now ?? then;
  return then.filter((node) => now.includes(node));
}

function isListOf(value: unknown, words: readonly string[]): boolean {
  return Array.isArray(value) && value.every((one) => words.includes(one as string));
}
