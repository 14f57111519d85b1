import { timestamp } from "@outrider/contracts/clock";
import { RIGHTS, ROLES, type Right, type Role } from "@outrider/contracts/identity";
import { expandNodes, foldNodes } from "@outrider/contracts/node-set";
import { StorageError } from "@outrider/storage/storage-error";
import type { Statement } from "@outrider/storage/storage";
import { toJson } from "@outrider/storage/values";
import { IdentityError } from "./identity-error.js";
import type { StoreCore } from "./identity-store.js";
import { isName, NAME_FORMS } from "./names.js";
import { checkPassword, hashPassword, matchesPassword, randomPassword } from "./passwords.js";
import type { Person, PersonEntry, Snapshot } from "./snapshot.js";

export interface NewPerson {
  readonly name: string;
  readonly displayName?: string | undefined;
  readonly role: Role;
  readonly rights?: readonly Right[] | undefined;
  /** Names and ranges of the only nodes that the person may see and touch. */
  readonly nodes?: string | undefined;
}

/** `nodes: null` takes the bound away. */
export interface PersonChange {
  readonly displayName?: string | undefined;
  readonly role?: Role | undefined;
  readonly rights?: readonly Right[] | undefined;
  readonly nodes?: string | null | undefined;
  readonly disabled?: boolean | undefined;
}

const MAX_DISPLAY_NAME = 100;
const MAX_NODES_TEXT = 8192;

/** The people of a site. */
export class People {
  constructor(private readonly store: StoreCore) {}

  async list(): Promise<Person[]> {
    return [...(await this.store.snapshot()).people.values()].map(({ person }) => person);
  }

  /** @throws IdentityError `not-found` */
  async get(name: string): Promise<Person> {
    return (await this.#entry(name)).person;
  }

  /**
   * @returns the person and a one-time password, which must be changed at the first sign-in; shown this once
   * @throws IdentityError `conflict`, `invalid`
   */
  async create(asked: NewPerson): Promise<{ person: Person; password: string }> {
    const password = randomPassword();
    const person = await this.insert(asked, await hashPassword(password), true);
    return { person, password };
  }

  /** Adds a person whose hash is there already. @throws IdentityError `conflict`, `invalid` */
  async insert(asked: NewPerson, hash: string, mustChangePassword: boolean): Promise<Person> {
    if (!isName("person", asked.name)) throw invalid("name", NAME_FORMS.person);
    const { displayName = asked.name, role, rights = [], nodes } = asked;
    const person: Person = checked({
      name: asked.name,
      displayName,
      role,
      rights,
      nodes,
      disabled: false,
      mustChangePassword,
    });
    try {
      await this.store.change([
        {
          sql: `INSERT INTO identity_person
            (name, display_name, role, rights, nodes, disabled, must_change, hash, created_at)
            VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)`,
          params: [
            person.name,
            person.displayName,
            person.role,
            toJson(person.rights),
            person.nodes ?? null,
            mustChangePassword,
            hash,
            timestamp(this.store.clock),
          ],
        },
      ]);
    } catch (error) {
      if (!(error instanceof StorageError) || error.code !== "constraint") throw error;
      throw new IdentityError("conflict", `there is a person called ${person.name} already`);
    }
    return person;
  }

  /**
   * What is taken away counts at once. A person who is disabled is signed out everywhere.
   * @throws IdentityError `not-found`, `invalid`, `conflict` when nobody would be left who administers people
   */
  async change(name: string, change: PersonChange): Promise<Person> {
    const { person: before } = await this.#entry(name);
    const { displayName, role, rights, nodes, disabled } = change;
    const person = checked({
      ...before,
      displayName: displayName ?? before.displayName,
      role: role ?? before.role,
      rights: rights ?? before.rights,
      nodes: nodes === undefined ? before.nodes : (nodes ?? undefined),
      disabled: disabled ?? before.disabled,
    });
    await this.#keepAdministrator(person);
    await this.store.change([
      {
        sql: `UPDATE identity_person SET display_name = ?, role = ?, rights = ?, nodes = ?, disabled = ?
          WHERE name = ?`,
        params: [
          person.displayName,
          person.role,
          toJson(person.rights),
          person.nodes ?? null,
          person.disabled,
          name,
        ],
        expectChanges: 1,
      },
      ...(person.disabled ? [endSessions(name)] : []),
    ]);
    return person;
  }

  /** Removes a person with tokens, keys and sessions. @throws IdentityError `not-found`, `conflict` */
  async remove(name: string): Promise<void> {
    const { person } = await this.#entry(name);
    await this.#keepAdministrator({ ...person, disabled: true });
    await this.store.change([
      { sql: "DELETE FROM identity_token WHERE person = ?", params: [name] },
      { sql: "DELETE FROM identity_key WHERE person = ?", params: [name] },
      endSessions(name),
      { sql: "DELETE FROM identity_person WHERE name = ?", params: [name] },
    ]);
  }

  /** Signs the person out everywhere. @returns a one-time password, shown this once. @throws IdentityError `not-found` */
  async resetPassword(name: string): Promise<string> {
    await this.#entry(name);
    const password = randomPassword();
    await this.#setHash(name, await hashPassword(password), true);
    return password;
  }

  /**
   * Ends all sessions of the person. Who guesses at the old password is held up by the caller (`SignIns`).
   * @throws IdentityError `sign-in-failed`, `invalid`, `too-many`
   */
  async changePassword(name: string, old: string, next: string): Promise<void> {
    const entry = (await this.store.present()).people.get(name);
    const right = await matchesPassword(entry?.hash, Buffer.from(old));
    if (!entry || entry.person.disabled || !right) {
      throw new IdentityError("sign-in-failed", "the old password is wrong");
    }
    if (next === old) throw new IdentityError("invalid", "password: expected another than before");
    checkPassword(name, next);
    await this.#setHash(name, await hashPassword(next), false);
  }

  async #setHash(name: string, hash: string, mustChange: boolean): Promise<void> {
    await this.store.change([
      {
        sql: "UPDATE identity_person SET hash = ?, must_change = ? WHERE name = ?",
        params: [hash, mustChange, name],
        expectChanges: 1,
      },
      endSessions(name),
    ]);
  }

  async #entry(name: string): Promise<PersonEntry> {
    const entry = (await this.store.present()).people.get(name);
    if (!entry) throw new IdentityError("not-found", "there is no such person");
    return entry;
  }

  /** @param after a person as it is to become */
  async #keepAdministrator(after: Person): Promise<void> {
    const { people } = await this.store.present();
    const before = people.get(after.name)?.person;
    if (!before || !administers(before) || administers(after)) return;
    if (othersAdminister(people, after.name)) return;
    throw new IdentityError(
      "conflict",
      `${after.name} is the last who administers people; make somebody else an administrator first`,
    );
  }
}

/** Whether somebody may give rights to others. */
function administers({ disabled, role, nodes }: Person): boolean {
  return !disabled && role === "administrator" && nodes === undefined;
}

function othersAdminister(people: Snapshot["people"], name: string): boolean {
  return [...people.values()].some(({ person }) => person.name !== name && administers(person));
}

const endSessions = (name: string): Statement => ({
  sql: "DELETE FROM identity_session WHERE person = ?",
  params: [name],
});

/** A person with its nodes folded. @throws IdentityError `invalid` */
function checked(person: Person): Person {
  const { displayName, role, rights, nodes, ...rest } = person;
  if (
    displayName.length === 0 ||
    displayName.length > MAX_DISPLAY_NAME ||
    hasControls(displayName)
  ) {
    throw invalid("displayName", `1 to ${MAX_DISPLAY_NAME} characters that can be seen`);
  }
  if (!ROLES.includes(role)) throw invalid("role", `one of ${ROLES.join(", ")}`);
  if (!rights.every((right) => RIGHTS.includes(right))) {
    throw invalid("rights", `some of ${RIGHTS.join(", ")}`);
  }
  return {
    ...rest,
    displayName,
    role,
    rights: RIGHTS.filter((right) => rights.includes(right)),
    ...(nodes !== undefined && { nodes: foldedNodes(nodes) }),
  };
}

function foldedNodes(text: string): string {
  let folded: string;
  try {
    folded = foldNodes(expandNodes(text));
  } catch (error) {
    throw invalid("nodes", `names and ranges, as n[1-8]: ${(error as Error).message}`);
  }
  if (folded.length === 0 || folded.length > MAX_NODES_TEXT) {
    throw invalid("nodes", `at least one node, and folded at most ${MAX_NODES_TEXT} characters`);
  }
  return folded;
}

const hasControls = (text: string): boolean => /[\u0000-\u001f\u007f-\u009f]/.test(text);

function invalid(field: string, expected: string): IdentityError {
  return new IdentityError("invalid", `${field}: expected ${expected}`);
}
