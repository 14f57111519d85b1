import { DEMO_OPERATOR, isThisMachine } from "@outrider/identity/demo-operator";
import { IdentityError } from "@outrider/identity/identity-error";
import type { IdentityStore } from "@outrider/identity/identity-store";
import { may } from "@outrider/identity/subject";
import type { Right } from "@outrider/contracts/identity";
import { HttpProblem } from "../http/problem.js";
import type { BrowserSession } from "@outrider/identity/sessions";
import type { ApiToken, Person } from "@outrider/identity/snapshot";
import type { SshKey } from "@outrider/identity/ssh-keys";
import type { Subject } from "@outrider/identity/subject";
import type { Admitted, People, PersonChange, SignedIn } from "./people.js";

/** The people of the deployment's own store. Its refusals become problems here. */
export class StorePeople implements People {
  constructor(
    private readonly store: IdentityStore,
    /** Whether whoever is on this machine is an operator without any credentials. */
    private readonly demonstration: boolean,
  ) {}

  may(subject: Subject, right: Right, node?: string): true | string {
    return may(subject, right, node);
  }

  anonymous(address: string): Subject | undefined {
    return this.demonstration && isThisMachine(address) ? DEMO_OPERATOR : undefined;
  }

  async bearer(secret: string): Promise<Admitted | undefined> {
    const subject = await this.store.tokens.subjectOf(secret);
    return subject && { subject, by: "token", secret };
  }

  async session(secret: string): Promise<Admitted | undefined> {
    const found = await this.store.sessions.find(secret);
    if (!found) return undefined;
    const { subject, person } = found;
    return { subject, by: "session", secret, mustChangePassword: person.mustChangePassword };
  }

  async signIn(
    name: string,
    password: string,
    address: string,
    signal: AbortSignal,
  ): Promise<SignedIn> {
    const { subject, person } = await told(
      this.store.signIns.check(name, password, address, signal),
    );
    const { secret, expiresAt } = await told(this.store.sessions.begin(person.name, address));
    return {
      subject,
      by: "session",
      secret,
      expiresAt,
      mustChangePassword: person.mustChangePassword,
    };
  }

  signOut(secret: string): Promise<void> {
    return told(this.store.sessions.end(secret));
  }

  async changePassword(
    name: string,
    old: string,
    next: string,
    address: string,
    signal: AbortSignal,
  ): Promise<SignedIn> {
    // Whoever found an open browser must not be able to guess here at their leisure.
    await told(this.store.signIns.check(name, old, address, signal));
    await told(this.store.people.changePassword(name, old, next));
    return this.signIn(name, next, address, signal);
  }

  list(): Promise<Person[]> {
    return told(this.store.people.list());
  }

  get(name: string): Promise<Person> {
    return told(this.store.people.get(name));
  }

  create(
    person: Omit<Person, "disabled" | "mustChangePassword">,
  ): Promise<{ person: Person; password: string }> {
    return told(this.store.people.create(person));
  }

  change(name: string, { nodes, ...change }: PersonChange): Promise<Person> {
    // Over the API an empty set of nodes takes the bound away: JSON merges have no word for "no more".
    return told(this.store.people.change(name, { ...change, nodes: nodes === "" ? null : nodes }));
  }

  remove(name: string): Promise<void> {
    return told(this.store.people.remove(name));
  }

  resetPassword(name: string): Promise<string> {
    return told(this.store.people.resetPassword(name));
  }

  tokens(name: string): Promise<ApiToken[]> {
    return told(this.store.tokens.list(name));
  }

  createToken(
    name: string,
    token: {
      readonly name: string;
      readonly rights: readonly Right[];
      readonly expiresAt?: string | undefined;
    },
  ): Promise<{ token: ApiToken; secret: string }> {
    return told(this.store.tokens.create(name, token));
  }

  revokeToken(name: string, id: string): Promise<void> {
    return told(this.store.tokens.revoke(name, id));
  }

  keys(name: string): Promise<SshKey[]> {
    return told(this.store.keys.list(name));
  }

  addKey(name: string, key: { readonly name: string; readonly text: string }): Promise<SshKey> {
    return told(this.store.keys.add(name, key));
  }

  removeKey(name: string, id: string): Promise<void> {
    return told(this.store.keys.remove(name, id));
  }

  async sessions(name: string): Promise<BrowserSession[]> {
    await this.get(name);
    return told(this.store.sessions.list(name));
  }

  revokeSession(name: string, id: string): Promise<void> {
    return told(this.store.sessions.revoke(name, id));
  }
}

/** @throws HttpProblem in the place of IdentityError */
async function told<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    const { code, message, retryAfterMs } = error;
    const headers =
      retryAfterMs === undefined
        ? undefined
        : { "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1000))) };
    throw new HttpProblem(code, message, { cause: error, ...(headers ? { headers } : {}) });
  }
}
