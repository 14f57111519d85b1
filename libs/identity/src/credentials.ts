import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Role } from "@outrider/contracts/identity";
import type { Statement } from "@outrider/storage/storage";
import type { StoragePlace } from "@outrider/storage/storage-for";
import { toJson } from "@outrider/storage/values";
import { CredentialsError, writePrivately } from "./credentials-file.js";
import { withFileLock } from "./file-lock.js";
import type { IdentityStore } from "./identity-store.js";
import { isName, NAME_FORMS, type Claim } from "./names.js";
import { openIdentity } from "./open-identity.js";
import { hashPassword } from "./passwords.js";
import { hashSecret } from "./scrypt-hash.js";

export interface NewCredential extends Claim {
  /** Of a person; default `operator`. */
  readonly role?: Role;
  /** Of a service or an agent; default `local`. */
  readonly site?: string;
}

/** What every site on one host needs. */
const SERVICES: readonly NewCredential[] = [
  { kind: "service", name: "power" },
  { kind: "service", name: "inventory" },
  { kind: "service", name: "telemetry" },
  { kind: "service", name: "console" },
  { kind: "service", name: "gateway" },
  { kind: "service", name: "home-assistant" },
];
/** What the first start makes beside: a person who can act over MQTT without anybody having signed in before. */
const FIRST_PERSON: NewCredential = { kind: "person", name: "operator", role: "operator" };

export const DEFAULT_SITE = "local";
const SECRET_BYTES = 32;

/** Where the plain secret of an identity is put for the processes of this host. */
export function secretPath(data: string, claim: Claim): string {
  return join(data, "secrets", `${claim.kind}-${claim.name}`);
}

/** The secret of an identity of this host, as made by {@link addCredential}. */
export async function readSecret(data: string, claim: Claim): Promise<string> {
  return (await readFile(secretPath(data, claim), "utf8")).trim();
}

/**
 * Adds an identity with a random secret, readable at {@link secretPath}. A running broker knows it at once.
 * One that exists already is left as it is.
 * @returns whether it was added
 * @throws CredentialsError when the name does not fit the kind · StorageError
 */
export async function addCredential(
  data: string,
  asked: NewCredential,
  databaseUrl?: string,
): Promise<boolean> {
  const [added] = await addCredentials(data, [asked], databaseUrl);
  return added ?? false;
}

/** Adds several, as {@link addCredential}. @returns for each whether it was added */
export async function addCredentials(
  data: string,
  asked: readonly NewCredential[],
  databaseUrl?: string,
): Promise<boolean[]> {
  for (const one of asked) check(one);
  const place: StoragePlace = { dataDirectory: data, databaseUrl };
  await using identity = await openIdentity(place);
  return await addTo(identity.store, data, () => asked);
}

/** Makes what a site needs to run, and its first person where it has nobody yet. @returns how many were made */
export async function ensureFirstCredentials(
  store: IdentityStore,
  data: string,
  site: string,
): Promise<number> {
  const wanted = (): NewCredential[] => {
    const { people, machines } = store.held;
    const isNew = people.size === 0 && machines.size === 0;
    return [...SERVICES, ...(isNew ? [FIRST_PERSON] : [])].map((one) => ({ ...one, site }));
  };
  return (await addTo(store, data, wanted)).filter(Boolean).length;
}

/** Takes the identity away; the broker ends its connections within seconds. @returns whether there was one */
export async function removeCredential(
  store: IdentityStore,
  claim: Claim & { readonly kind: "service" | "agent" },
): Promise<boolean> {
  const results = await store.change([
    {
      sql: "DELETE FROM identity_machine WHERE kind = ? AND name = ?",
      params: [claim.kind, claim.name],
    },
  ]);
  return results[0]?.changes === 1;
}

/** One process of this host at a time, since a secret and its hash lie in different places. */
async function addTo(
  store: IdentityStore,
  data: string,
  wanted: () => readonly NewCredential[],
): Promise<boolean[]> {
  // What needs no change is not locked: the folder may lie on a medium that is read-only.
  if (wanted().every((one) => isHeld(store, one))) return wanted().map(() => false);
  return withFileLock(join(data, "secrets.lock"), async () => {
    await store.refresh();
    const asked = wanted();
    const added = asked.map((one) => !isHeld(store, one));
    const statements: Statement[] = [];
    for (const one of asked.filter((_, index) => added[index])) {
      const secret = randomBytes(SECRET_BYTES).toString("base64url");
      // The secret first: a hash whose secret is nowhere could never be used.
      await writePrivately(secretPath(data, one), `${secret}\n`);
      statements.push(await insertion(one, secret, store.now()));
    }
    if (statements.length > 0) await store.change(statements);
    return added;
  });
}

function isHeld(store: IdentityStore, { kind, name }: Claim): boolean {
  const { people, machines } = store.held;
  return kind === "person" ? people.has(name) : machines.has(`${kind}:${name}`);
}

async function insertion(one: NewCredential, secret: string, at: string): Promise<Statement> {
  const { kind, name, role = "operator", site = DEFAULT_SITE } = one;
  return kind === "person"
    ? {
        sql: `INSERT INTO identity_person
          (name, display_name, role, rights, nodes, disabled, must_change, hash, created_at)
          VALUES (?, ?, ?, ?, NULL, 0, 0, ?, ?)`,
        params: [name, name, role, toJson([]), await hashPassword(secret), at],
      }
    : {
        sql: "INSERT INTO identity_machine (kind, name, hash, site) VALUES (?, ?, ?, ?)",
        params: [kind, name, await hashSecret(kind, secret), site],
      };
}

function check({ kind, name, role }: NewCredential): void {
  if (!isName(kind, name)) throw new CredentialsError(`${kind} name: expected ${NAME_FORMS[kind]}`);
  if (role !== undefined && kind !== "person") {
    throw new CredentialsError("role: expected only for a person");
  }
}
