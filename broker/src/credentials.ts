import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Identity } from "@outrider/contracts/acl";
import type { Role } from "@outrider/contracts/identity";
import type { ServiceName } from "@outrider/contracts/ids";
import {
  CredentialsError,
  credentialsPath,
  readCredentials,
  writeCredentials,
  writePrivately,
  type Credential,
} from "./credentials-file.js";
import { withFileLock } from "./file-lock.js";
import { isName, NAME_FORMS, type Claim } from "./identity.js";
import { silentLog, type Log } from "./log.js";
import { hashSecret, matchesHash, unmatchableHash } from "./secret-hash.js";
import { Turnstile } from "./turnstile.js";

/** Where the broker asks who somebody is. */
export interface CredentialStore {
  /**
   * The identity when the secret is right, else undefined; a name that does not exist takes as long as a
   * wrong secret. @throws BusyError when too many are being checked
   */
  verify(claim: Claim, secret: Uint8Array): Promise<Identity | undefined>;
  /** Takes up what was changed in the meantime. */
  refresh(): Promise<void>;
  /** Whether an identity as returned by `verify` is still good: not removed, no new secret, no new role. */
  stillStands(identity: Identity): boolean;
}

export interface NewCredential extends Claim {
  readonly role?: Role;
  /** Default `local`. */
  readonly site?: string;
}

/** What the first start makes: enough to run the site on one host and to act on it as a person. */
const FIRST: readonly NewCredential[] = [
  { kind: "service", name: "power" },
  { kind: "service", name: "inventory" },
  { kind: "person", name: "operator", role: "operator" },
];

const DEFAULT_SITE = "local";
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
 * Adds an identity with a random secret, readable once at {@link secretPath}. A running broker knows it at once.
 * One that exists already is left as it is.
 * @returns whether it was added
 * @throws CredentialsError when the name does not fit the kind
 */
export async function addCredential(data: string, asked: NewCredential): Promise<boolean> {
  if (!isName(asked.kind, asked.name)) {
    throw new CredentialsError(`${asked.kind} name: expected ${NAME_FORMS[asked.kind]}`);
  }
  if (asked.role !== undefined && asked.kind !== "person") {
    throw new CredentialsError("role: expected only for a person");
  }
  const added = await change(data, (held) => {
    return held.some((one) => keyOf(one) === keyOf(asked)) ? [] : [asked];
  });
  return added.length > 0;
}

/**
 * The credentials of a data folder; made with random secrets when there are none.
 * @throws CredentialsError when the file cannot be used
 */
export async function openCredentials(
  data: string,
  options: { readonly site?: string; readonly log?: Log } = {},
): Promise<CredentialStore> {
  const { site = DEFAULT_SITE, log = silentLog } = options;
  const added = await change(data, (_, exists) =>
    exists ? [] : FIRST.map((one) => ({ ...one, site })),
  );
  if (added.length > 0) {
    log.info({ path: credentialsPath(data) }, "credentials were made with random secrets");
  }
  const store = new FileCredentials(credentialsPath(data), site, log);
  await store.load();
  return store;
}

/** One process at a time adds what `choose` names. */
async function change(
  data: string,
  choose: (held: readonly Credential[], exists: boolean) => readonly NewCredential[],
): Promise<readonly NewCredential[]> {
  const path = credentialsPath(data);
  // A file that needs no change is not locked: it may lie on a medium that is read-only.
  const before = await readCredentials(path);
  if (before && choose(before, true).length === 0) return [];
  await mkdir(data, { recursive: true, mode: 0o700 });
  return withFileLock(`${path}.lock`, async () => {
    const held = await readCredentials(path);
    const chosen = choose(held ?? [], held !== undefined);
    const credentials: Credential[] = [...(held ?? [])];
    for (const one of chosen) {
      const secret = randomBytes(SECRET_BYTES).toString("base64url");
      const { kind, name, role, site = DEFAULT_SITE } = one;
      const hash = await hashSecret(kind, secret);
      // The secret first: a hash whose secret is nowhere could never be used.
      await writePrivately(secretPath(data, one), `${secret}\n`);
      credentials.push({ name, kind, hash, site, ...(role && { role }) });
    }
    if (chosen.length > 0) await writeCredentials(path, credentials);
    return chosen;
  });
}

interface Entry {
  readonly credential: Credential;
  /** The one object for as long as the credential stays the same. */
  readonly identity: Identity;
  /** Keyed digest of the secret once it was right, so that an agent that comes back costs microseconds. */
  proven?: Buffer;
}

class FileCredentials implements CredentialStore {
  readonly #path: string;
  readonly #site: string;
  readonly #log: Log;
  readonly #digestKey = randomBytes(32);
  readonly #turnstile = new Turnstile(2, 256);
  readonly #nobody = new Map<Claim["kind"], string>();
  #entries: ReadonlyMap<string, Entry> = new Map();
  #version = "";
  /** Counts readings of the file; the one whose result counts. */
  #begun = 0;
  #taken = 0;

  constructor(path: string, site: string, log: Log) {
    this.#path = path;
    this.#site = site;
    this.#log = log;
  }

  async load(): Promise<void> {
    const turn = ++this.#begun;
    const version = await this.#fileVersion();
    const credentials = await readCredentials(this.#path).catch((error: unknown) => {
      this.#version = version;
      throw error;
    });
    if (!credentials) {
      this.#version = version;
      throw new CredentialsError(`${this.#path}: is gone; restore it`);
    }
    // Somebody who began later has read what is at least as new.
    if (turn < this.#taken) return;
    this.#taken = turn;
    const entries = new Map<string, Entry>();
    for (const credential of credentials) {
      if (credential.site !== this.#site) continue;
      const before = this.#entries.get(keyOf(credential));
      entries.set(
        keyOf(credential),
        before && isSame(before.credential, credential)
          ? before
          : { credential, identity: identityOf(credential) },
      );
    }
    this.#entries = entries;
    // Not before: who finds this version known relies on its entries.
    this.#version = version;
  }

  async verify(claim: Claim, secret: Uint8Array): Promise<Identity | undefined> {
    await this.refresh();
    const entry = this.#entries.get(keyOf(claim));
    const digest = this.#digest(secret);
    if (entry?.proven && timingSafeEqual(entry.proven, digest)) return entry.identity;
    const hash = entry?.credential.hash ?? this.#hashOfNobody(claim.kind);
    const right = await this.#turnstile.pass(() => matchesHash(hash, secret));
    if (!entry || !right) return undefined;
    entry.proven = digest;
    return entry.identity;
  }

  stillStands(identity: Identity): boolean {
    return this.#entries.get(keyOf(identity))?.identity === identity;
  }

  /** A file that has become unusable is said once, and the last good one counts on. */
  async refresh(): Promise<void> {
    if ((await this.#fileVersion()) === this.#version) return;
    try {
      await this.load();
    } catch (error) {
      this.#log.error(
        { path: this.#path, problem: error instanceof Error ? error.message : "unknown" },
        "the credentials file cannot be used; the last good one counts on",
      );
    }
  }

  async #fileVersion(): Promise<string> {
    const found = await stat(this.#path, { bigint: true }).catch(() => undefined);
    return found ? `${found.ino}:${found.mtimeNs}:${found.size}:${found.mode}` : "";
  }

  #digest(secret: Uint8Array): Buffer {
    return createHmac("sha256", this.#digestKey).update(secret).digest();
  }

  #hashOfNobody(kind: Claim["kind"]): string {
    let hash = this.#nobody.get(kind);
    if (hash === undefined) this.#nobody.set(kind, (hash = unmatchableHash(kind)));
    return hash;
  }
}

const keyOf = (claim: Claim): string => `${claim.kind}:${claim.name}`;

const roleOf = (credential: Credential): Role => credential.role ?? "operator";

const isSame = (a: Credential, b: Credential): boolean =>
  a.hash === b.hash && roleOf(a) === roleOf(b);

function identityOf(credential: Credential): Identity {
  const { kind, name } = credential;
  return kind === "person"
    ? { kind, name, role: roleOf(credential) }
    : kind === "agent"
      ? { kind, name }
      : { kind, name: name as ServiceName };
}
