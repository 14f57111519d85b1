import { timestamp } from "@outrider/contracts/clock";
import { RIGHTS, type Right } from "@outrider/contracts/identity";
import { toJson } from "@outrider/storage/values";
import { IdentityError } from "./identity-error.js";
import type { StoreCore } from "./identity-store.js";
import { digestOf, isDigestOf, randomId, randomSecret } from "./secrets.js";
import type { ApiToken } from "./snapshot.js";
import type { Subject } from "./subject.js";

/** `ort_<id>_<secret>`: the word lets scanners of source code find one that was committed. */
const FORM = /^ort_([A-Za-z0-9]{12})_([A-Za-z0-9_-]{43})$/;
const MAX_PER_PERSON = 100;
const USED_EVERY_MS = 60_000;

/** Whether a text looks like a token of ours. */
export const isApiToken = (text: string): boolean => FORM.test(text);

/** Tokens for programs, each of a person and with no more than that person's rights. */
export class ApiTokens {
  readonly #notedAtMs = new Map<string, number>();

  constructor(private readonly store: StoreCore) {}

  async list(person: string): Promise<ApiToken[]> {
    const { people, tokens } = await this.store.snapshot();
    if (!people.has(person)) throw new IdentityError("not-found", "there is no such person");
    return [...tokens.values()].filter(({ owner }) => owner === person).map(({ token }) => token);
  }

  /**
   * @returns the token and its secret, shown this once
   * @throws IdentityError `not-found`, `invalid` for rights that the person does not have or an expiry that is over
   */
  async create(
    person: string,
    asked: {
      readonly name: string;
      readonly rights: readonly Right[];
      readonly expiresAt?: string | undefined;
    },
  ): Promise<{ token: ApiToken; secret: string }> {
    const owner = (await this.store.present()).people.get(person);
    if (!owner) throw new IdentityError("not-found", "there is no such person");
    const foreign = asked.rights.find((right) => !owner.subject.rights.includes(right));
    if (foreign !== undefined || asked.rights.length === 0) {
      const had = owner.subject.rights.join(", ");
      throw new IdentityError("invalid", `rights: expected some of those of ${person}: ${had}`);
    }
    const now = timestamp(this.store.clock);
    if (asked.expiresAt !== undefined && !(asked.expiresAt > now)) {
      throw new IdentityError("invalid", "expiresAt: expected a time to come");
    }
    if (!/^[^\u0000-\u001f\u007f-\u009f]{1,100}$/u.test(asked.name)) {
      throw new IdentityError("invalid", "name: expected 1 to 100 characters that can be seen");
    }
    if ((await this.list(person)).length >= MAX_PER_PERSON) {
      throw new IdentityError("conflict", `${person} has ${MAX_PER_PERSON} tokens; revoke some`);
    }
    const token: ApiToken = {
      id: randomId(),
      name: asked.name,
      rights: RIGHTS.filter((right) => asked.rights.includes(right)),
      createdAt: now,
      ...(asked.expiresAt !== undefined && { expiresAt: asked.expiresAt }),
    };
    const secret = `ort_${token.id}_${randomSecret()}`;
    await this.store.change([
      {
        sql: `INSERT INTO identity_token (id, person, name, rights, hash, created_at, expires_at)
          VALUES (?, ?, ?, ?, ?, ?, ?)`,
        params: [
          token.id,
          person,
          token.name,
          toJson(token.rights),
          digestOf(secret),
          now,
          token.expiresAt ?? null,
        ],
      },
    ]);
    return { token, secret };
  }

  /** Counts at once here, within a second elsewhere. @throws IdentityError `not-found` */
  async revoke(person: string, id: string): Promise<void> {
    const entry = (await this.store.present()).tokens.get(id);
    if (entry?.owner !== person) throw new IdentityError("not-found", "there is no such token");
    await this.store.change([{ sql: "DELETE FROM identity_token WHERE id = ?", params: [id] }]);
  }

  /** Whose token it is, with the rights that person and token have in common; undefined when it is not good. */
  async subjectOf(secret: string): Promise<Subject | undefined> {
    const id = FORM.exec(secret)?.[1];
    if (id === undefined) return undefined;
    const { people, tokens } = await this.store.snapshot();
    const entry = tokens.get(id);
    const owner = entry && people.get(entry.owner);
    if (!entry || !owner || owner.person.disabled) return undefined;
    const { expiresAt, rights } = entry.token;
    if (expiresAt !== undefined && expiresAt <= timestamp(this.store.clock)) return undefined;
    if (!isDigestOf(secret, entry.hash)) return undefined;
    await this.#noteUse(id);
    return {
      ...owner.subject,
      rights: owner.subject.rights.filter((right) => rights.includes(right)),
    };
  }

  /** For people to find tokens that nobody uses; a disk that is full must not keep a token from working. */
  async #noteUse(id: string): Promise<void> {
    const nowMs = this.store.clock.monotonicMs();
    const before = this.#notedAtMs.get(id);
    if (before !== undefined && nowMs - before < USED_EVERY_MS) return;
    this.#notedAtMs.set(id, nowMs);
    const at = timestamp(this.store.clock);
    const noting = {
      sql: "UPDATE identity_token SET last_used_at = ? WHERE id = ?",
      params: [at, id],
    };
    await this.store.change([noting]).catch(() => {});
  }
}
