import type { BrowserSession } from "@outrider/identity/sessions";
import type { ApiToken, Person } from "@outrider/identity/snapshot";
import type { SshKey } from "@outrider/identity/ssh-keys";
import type { Subject } from "@outrider/identity/subject";
import type { Right } from "@outrider/contracts/identity";

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

export type PersonChange = Partial<Omit<Person, "name" | "mustChangePassword">>;

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

/**
 * Whether somebody who was admitted earlier would be now, with the rights that are needed.
 * @param node on which node they are
 */
export async function stillStands(
  { by, secret, subject }: Admitted,
  people: People,
  rights: readonly Right[] = ["read"],
  node?: string,
): Promise<boolean> {
  if (by === "anonymous" || secret === undefined) return true;
  const now = by === "token" ? await people.bearer(secret) : await people.session(secret);
  return (
    now !== undefined &&
    rights.every((right) => people.may(now.subject, right, node) === true) &&
    sameScope(now.subject, subject)
  );
}

function sameScope(a: Subject, b: Subject): boolean {
  return JSON.stringify(a.nodes ?? null) === JSON.stringify(b.nodes ?? null);
}
