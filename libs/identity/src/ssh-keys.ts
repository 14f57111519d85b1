import { timestamp } from "@outrider/contracts/clock";
import { StorageError } from "@outrider/storage/storage-error";
import { IdentityError } from "./identity-error.js";
import type { StoreCore } from "./identity-store.js";
import { randomId } from "./secrets.js";
import { readSshKey } from "./ssh-key.js";

export interface SshKey {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  /** `SHA256:…` as ssh-keygen shows it. */
  readonly fingerprint: string;
  readonly addedAt: string;
}

interface KeyRow {
  id: string;
  person: string;
  name: string;
  type: string;
  fingerprint: string;
  text: string;
  added_at: string;
}

const MAX_PER_PERSON = 50;

/** Public keys with which people come to their consoles. */
export class SshKeys {
  constructor(private readonly store: StoreCore) {}

  async list(person: string): Promise<SshKey[]> {
    await this.#known(person);
    const rows = await this.store.storage.all<KeyRow>(
      "SELECT * FROM identity_key WHERE person = ? ORDER BY added_at",
      [person],
    );
    return rows.map(keyOf);
  }

  /**
   * @param key `text`: one line of an authorized_keys file, without options
   * @throws IdentityError `not-found`, `invalid`, `conflict` when somebody has this key already
   */
  async add(
    person: string,
    key: { readonly name: string; readonly text: string },
  ): Promise<SshKey> {
    if ((await this.list(person)).length >= MAX_PER_PERSON) {
      throw new IdentityError("conflict", `${person} has ${MAX_PER_PERSON} keys; remove some`);
    }
    if (!/^[^\u0000-\u001f\u007f-\u009f]{1,100}$/u.test(key.name)) {
      throw new IdentityError("invalid", "name: expected 1 to 100 characters that can be seen");
    }
    const { type, fingerprint, text } = readSshKey(key.text);
    const added = {
      id: randomId(),
      name: key.name,
      type,
      fingerprint,
      addedAt: timestamp(this.store.clock),
    };
    try {
      await this.store.change([
        {
          sql: `INSERT INTO identity_key (id, person, name, type, fingerprint, text, added_at)
            VALUES (?, ?, ?, ?, ?, ?, ?)`,
          params: [added.id, person, added.name, type, fingerprint, text, added.addedAt],
        },
      ]);
    } catch (error) {
      if (!(error instanceof StorageError) || error.code !== "constraint") throw error;
      throw new IdentityError("conflict", "this key is registered already; a key has one owner");
    }
    return added;
  }

  /** @throws IdentityError `not-found` */
  async remove(person: string, id: string): Promise<void> {
    const results = await this.store.change([
      { sql: "DELETE FROM identity_key WHERE person = ? AND id = ?", params: [person, id] },
    ]);
    if (results[0]?.changes !== 1) throw new IdentityError("not-found", "there is no such key");
  }

  /** The person with a key, by its fingerprint; for the terminal server, once the key was proven. */
  async ownerOf(fingerprint: string): Promise<string | undefined> {
    const name = await this.registeredTo(fingerprint);
    const entry = name === undefined ? undefined : (await this.store.snapshot()).people.get(name);
    return entry?.person.disabled === false ? name : undefined;
  }

  /** As {@link ownerOf}, also while that person is disabled: whoever comes then is refused, and that is recorded. */
  async registeredTo(fingerprint: string): Promise<string | undefined> {
    const row = await this.store.storage.get<{ person: string }>(
      "SELECT person FROM identity_key WHERE fingerprint = ?",
      [fingerprint],
    );
    return row && (await this.store.snapshot()).people.get(row.person)?.person.name;
  }

  async #known(person: string): Promise<void> {
    if (!(await this.store.present()).people.has(person)) {
      throw new IdentityError("not-found", "there is no such person");
    }
  }
}

function keyOf(row: KeyRow): SshKey {
  return {
    id: row.id,
    name: row.name,
    type: row.type,
    fingerprint: row.fingerprint,
    addedAt: row.added_at,
  };
}
