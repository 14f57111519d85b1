import type { Right, Role } from "@outrider/contracts/identity";

/** Who makes a request, once that was checked. */
export interface Subject {
  readonly kind: "person" | "service" | "agent" | "anonymous";
  readonly name: string;
  readonly role?: Role | undefined;
  readonly rights: readonly Right[];
  /** The only nodes that the subject may touch or see. Undefined: all. */
  readonly nodes?: readonly string[] | undefined;
}

/** A subject and how it showed who it is. */
export interface Admitted {
  readonly subject: Subject;
  readonly by: "token" | "session" | "anonymous";
  /** Id of the browser's session. */
  readonly session?: string;
  /** Nothing else is served until the password was changed. */
  readonly mustChangePassword?: boolean;
}

/** What the gateway asks about people. */
export interface People {
  /** @returns true, or the sentence that says why not */
  may(subject: Subject, right: Right, node?: string): true | string;
  /** Who sends requests without any credentials from this address, if that is allowed at all. */
  anonymous(address: string): Subject | undefined;
  bearer(token: string): Promise<Admitted | undefined>;
  session(id: string): Promise<Admitted | undefined>;
}

/** How a subject stands in commands and audit logs. */
export function actorNameOf(subject: Subject): string {
  return subject.kind === "anonymous" ? "person:anonymous" : `${subject.kind}:${subject.name}`;
}
