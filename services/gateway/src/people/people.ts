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
  /** What it showed: the token, or the secret of the browser's session. Never shown, never logged. */
  readonly secret?: string;
  /** Nothing else is served until the password was changed. */
  readonly mustChangePassword?: boolean;
}

export interface SignedIn extends Admitted {
  /** What the cookie holds. */
  readonly secret: string;
  readonly expiresAt: string;
}

export interface Person {
  readonly name: string;
  readonly displayName: string;
  readonly role: Role;
  /** Beside those of the role. */
  readonly rights: readonly Right[];
  /** Folded ids of the only nodes that the person may see and touch. */
  readonly nodes?: string | undefined;
  readonly disabled: boolean;
  readonly mustChangePassword: boolean;
}

export type PersonChange = Partial<Omit<Person, "name" | "mustChangePassword">>;

export interface ApiToken {
  readonly id: string;
  readonly name: string;
  readonly rights: readonly Right[];
  readonly createdAt: string;
  readonly expiresAt?: string | undefined;
  readonly lastUsedAt?: string | undefined;
}

export interface SshKey {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly fingerprint: string;
  readonly addedAt: string;
}

export interface BrowserSession {
  readonly id: string;
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly expiresAt: string;
  readonly address: string;
}

/**
 * What the gateway asks about people. Everything throws HttpProblem: `not-found`, `conflict`, `invalid`,
 * `sign-in-failed`, `too-many`, `unavailable` where there are no people at all.
 */
export interface People {
  /** @returns true, or the sentence that says why not */
  may(subject: Subject, right: Right, node?: string): true | string;
  /** Who sends requests without any credentials from this address, if that is allowed at all. */
  anonymous(address: string): Subject | undefined;
  bearer(token: string): Promise<Admitted | undefined>;
  session(secret: string): Promise<Admitted | undefined>;

  signIn(name: string, password: string, address: string, signal: AbortSignal): Promise<SignedIn>;
  signOut(secret: string): Promise<void>;
  /** Ends all sessions of the person, and begins a new one. */
  changePassword(
    name: string,
    old: string,
    next: string,
    address: string,
    signal: AbortSignal,
  ): Promise<SignedIn>;

  list(): Promise<Person[]>;
  get(name: string): Promise<Person>;
  /** @returns the person and a one-time password, shown this once */
  create(
    person: Omit<Person, "disabled" | "mustChangePassword">,
  ): Promise<{ person: Person; password: string }>;
  change(name: string, change: PersonChange): Promise<Person>;
  remove(name: string): Promise<void>;
  /** @returns a one-time password, shown this once */
  resetPassword(name: string): Promise<string>;

  tokens(name: string): Promise<ApiToken[]>;
  /** @returns the token and its secret, shown this once */
  createToken(
    name: string,
    token: {
      readonly name: string;
      readonly rights: readonly Right[];
      readonly expiresAt?: string | undefined;
    },
  ): Promise<{ token: ApiToken; secret: string }>;
  revokeToken(name: string, id: string): Promise<void>;

  keys(name: string): Promise<SshKey[]>;
  addKey(name: string, key: { readonly name: string; readonly text: string }): Promise<SshKey>;
  removeKey(name: string, id: string): Promise<void>;

  sessions(name: string): Promise<BrowserSession[]>;
  revokeSession(name: string, id: string): Promise<void>;
}

/** How a subject stands in commands and audit logs. */
export function actorNameOf(subject: Subject): string {
  return subject.kind === "anonymous" ? "person:anonymous" : `${subject.kind}:${subject.name}`;
}

/** Whether somebody who was admitted earlier would be now, with the same rights. */
export async function stillStands(
  { by, secret, subject }: Admitted,
  people: People,
): Promise<boolean> {
  if (by === "anonymous" || secret === undefined) return true;
  const now = by === "token" ? await people.bearer(secret) : await people.session(secret);
  return (
    now !== undefined && people.may(now.subject, "read") === true && sameScope(now.subject, subject)
  );
}

function sameScope(a: Subject, b: Subject): boolean {
  return JSON.stringify(a.nodes ?? null) === JSON.stringify(b.nodes ?? null);
}
