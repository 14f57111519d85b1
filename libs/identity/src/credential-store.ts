import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Identity } from "@outrider/contracts/acl";
import { seconds, timestamp } from "@outrider/contracts/clock";
import type { ServiceName } from "@outrider/contracts/ids";
import { isApiToken } from "./api-tokens.js";
import { DEFAULT_SITE, ensureFirstCredentials } from "./credentials.js";
import { IdentityError } from "./identity-error.js";
import type { IdentityStore } from "./identity-store.js";
import { silentLog, type Log } from "./log.js";
import type { Claim } from "./names.js";
import { openIdentity } from "./open-identity.js";
import { matchesPassword } from "./passwords.js";
import { matchesHash, unmatchableHash } from "./scrypt-hash.js";
import type { Snapshot } from "./snapshot.js";
import type { Subject } from "./subject.js";
import { BusyError, Turnstile } from "./turnstile.js";

/** Where the broker asks who somebody is. */
export interface CredentialStore {
  /**
   * The identity when the secret is right, else undefined; a name that does not exist takes as long as a
   * wrong secret. @throws BusyError when too many are being checked
   */
  verify(claim: Claim, secret: Uint8Array): Promise<Identity | undefined>;
  /** Takes up what was changed in the meantime. */
  refresh(): Promise<void>;
  /** Whether an identity as returned by `verify` is still good: not removed, no new secret, no other rights. */
  stillStands(identity: Identity): boolean;
  close(): Promise<void>;
}

/** Whoever connects gives up sooner than a database that is away. */
const PATIENCE = seconds(1);

/** What an identity was made of, by which it is told whether it still stands. */
interface Standing {
  readonly identity: Identity;
  /** Of everything that, once changed, makes it another identity. */
  readonly signature: string;
  /** Keyed digest of the secret once it was right, so that an agent that comes back costs microseconds. */
  proven?: Buffer;
}

/**
 * The credentials of a deployment; what a site needs is made with random secrets when it is not there.
 * @throws CredentialsError when an old credentials file cannot be used · StorageError
 */
export async function openCredentials(
  data: string,
  options: {
    readonly site?: string;
    readonly log?: Log;
    readonly databaseUrl?: string | undefined;
  } = {},
): Promise<CredentialStore> {
  const { site = DEFAULT_SITE, log = silentLog, databaseUrl } = options;
  const identity = await openIdentity({ dataDirectory: data, databaseUrl }, { log });
  try {
    const made = await ensureFirstCredentials(identity.store, data, site);
    if (made > 0) log.info({ data, made }, "credentials were made with random secrets");
  } catch (error) {
    await identity.close();
    throw error;
  }
  return new StoredCredentials(identity.store, site, log, identity.close);
}

class StoredCredentials implements CredentialStore {
  readonly #digestKey = randomBytes(32);
  readonly #turnstile = new Turnstile(2, 256);
  readonly #nobody = unmatchableHash("agent");
  /** By what was shown: a name, or a token. */
  readonly #standing = new Map<string, Standing>();
  readonly #keys = new WeakMap<Identity, string>();
  #unreachable = false;

  constructor(
    private readonly store: IdentityStore,
    private readonly site: string,
    private readonly log: Log,
    readonly close: () => Promise<void>,
  ) {}

  async verify(claim: Claim, secret: Uint8Array): Promise<Identity | undefined> {
    await this.refresh();
    const text = Buffer.from(secret).toString("utf8");
    if (claim.kind === "person" && isApiToken(text)) return this.#byToken(claim.name, text);
    const key = `${claim.kind}:${claim.name}`;
    const standing = this.#current(key);
    const digest = createHmac("sha256", this.#digestKey).update(secret).digest();
    if (standing?.proven && timingSafeEqual(standing.proven, digest)) return standing.identity;
    const hash = this.#hashOf(claim);
    const right =
      claim.kind === "person"
        ? await matchesPassword(hash, secret).catch(asBusy)
        : await this.#turnstile.pass(() => matchesHash(hash ?? this.#nobody, secret));
    // Somebody may have changed it while it was being checked.
    if (!standing || !right || this.#current(key) !== standing) return undefined;
    standing.proven = digest;
    return standing.identity;
  }

  stillStands(identity: Identity): boolean {
    const key = this.#keys.get(identity);
    return key !== undefined && this.#current(key)?.identity === identity;
  }

  /** A database that cannot be asked, or not soon, is said once, and what was last read counts on. */
  async refresh(): Promise<void> {
    const answered = new AbortController();
    const reading = this.store.refresh().then(
      () => (this.#unreachable = false),
      (error: unknown) => this.#say(error instanceof Error ? error.message : "unknown"),
    );
    await Promise.race([
      reading,
      this.store.clock.sleep(PATIENCE, answered.signal).then(
        () => this.#say("the database takes long to answer"),
        () => undefined,
      ),
    ]);
    answered.abort();
  }

  #say(problem: string): void {
    if (!this.#unreachable) {
      this.log.error({ problem }, "credentials cannot be read; the last that were read count on");
    }
    this.#unreachable = true;
  }

  async #byToken(name: string, secret: string): Promise<Identity | undefined> {
    const subject = await this.store.tokens.subjectOf(secret);
    if (subject?.name !== name) return undefined;
    const id = secret.split("_")[1] ?? "";
    return this.#current(`token:${id}`)?.identity;
  }

  #hashOf({ kind, name }: Claim): string | undefined {
    const { people, machines } = this.store.held;
    if (kind === "person") return people.get(name)?.hash;
    const machine = machines.get(`${kind}:${name}`);
    return machine?.site === this.site ? machine.hash : undefined;
  }

  /** The one object for as long as what it was made of stays the same. */
  #current(key: string): Standing | undefined {
    const made = makeIdentity(key, this.store.held, this.site, timestamp(this.store.clock));
    const before = this.#standing.get(key);
    if (!made) {
      this.#standing.delete(key);
      return undefined;
    }
    if (before?.signature === made.signature) return before;
    this.#standing.set(key, made);
    this.#keys.set(made.identity, key);
    return made;
  }
}

/** Pure. */
function makeIdentity(
  key: string,
  { people, tokens, machines }: Snapshot,
  site: string,
  now: string,
): Standing | undefined {
  const [kind, name] = splitOnce(key);
  if (kind === "token") {
    const token = tokens.get(name);
    const owner = token && people.get(token.owner);
    if (!token || !owner || owner.person.disabled) return undefined;
    const { expiresAt, rights } = token.token;
    if (expiresAt !== undefined && expiresAt <= now) return undefined;
    return standingOf({
      ...owner.subject,
      rights: owner.subject.rights.filter((right) => rights.includes(right)),
    });
  }
  if (kind === "person") {
    const entry = people.get(name);
    // A one-time password opens the page where it is changed, and nothing else.
    if (!entry || entry.person.disabled || entry.person.mustChangePassword) return undefined;
    return standingOf(entry.subject, entry.hash);
  }
  const machine = machines.get(key);
  if (!machine || machine.site !== site) return undefined;
  const identity: Identity =
    machine.kind === "agent"
      ? { kind: "agent", name: machine.name }
      : { kind: "service", name: machine.name as ServiceName };
  return { identity, signature: machine.hash };
}

function standingOf({ name, role, rights, nodes }: Subject, hash = ""): Standing {
  const identity: Identity = {
    kind: "person",
    name,
    rights,
    ...(role !== undefined && { role }),
    ...(nodes !== undefined && { nodes }),
  };
  return { identity, signature: JSON.stringify([hash, role, rights, nodes]) };
}

function splitOnce(key: string): [string, string] {
  const colon = key.indexOf(":");
  return [key.slice(0, colon), key.slice(colon + 1)];
}

function asBusy(error: unknown): never {
  if (error instanceof IdentityError && error.code === "too-many")
    throw new BusyError(error.message);
  throw error;
}
