import { milliseconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { Statement, Storage, StatementResult } from "@outrider/storage/storage";
import { ApiTokens } from "./api-tokens.js";
import { People } from "./people.js";
import { Sessions } from "./sessions.js";
import { SignIns } from "./sign-ins.js";
import { readSnapshot, readVersion, type Snapshot } from "./snapshot.js";
import { SshKeys } from "./ssh-keys.js";

/** What the parts of the store share. */
export interface StoreCore {
  readonly storage: Storage;
  readonly clock: Clock;
  /** Everybody, as old as a second at most; this process's own changes are in it at once. */
  snapshot(): Promise<Snapshot>;
  /** Everybody as they are at the call, whichever process changed them last: what a change is judged by. */
  present(): Promise<Snapshot>;
  /** Applies a change that others must learn of, and takes it up. */
  change(statements: readonly Statement[]): Promise<StatementResult[]>;
}

/** How long what other processes changed may stay unseen here. */
const FRESH_MS = milliseconds(1000);

const RAISE: Statement = {
  sql: "UPDATE identity_version SET version = version + 1 WHERE id = 1",
  expectChanges: 1,
};

/**
 * People and machines, what they show to prove who they are, and what they may. Several processes may have it open;
 * each keeps a copy of all but keys and sessions, so that asking costs nothing.
 *
 * No answer contains a hash, and a secret is in one answer only: the one of the call that made it.
 * Throws IdentityError and StorageError.
 */
export class IdentityStore implements StoreCore {
  readonly people: People;
  readonly tokens: ApiTokens;
  readonly keys: SshKeys;
  readonly sessions: Sessions;
  readonly signIns: SignIns;
  readonly storage: Storage;
  readonly clock: Clock;
  #snapshot: Snapshot;
  #readAtMs: number;
  #reading: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  private constructor(storage: Storage, clock: Clock, snapshot: Snapshot) {
    this.storage = storage;
    this.clock = clock;
    this.#snapshot = snapshot;
    this.#readAtMs = clock.monotonicMs();
    this.people = new People(this);
    this.tokens = new ApiTokens(this);
    this.keys = new SshKeys(this);
    this.sessions = new Sessions(this);
    this.signIns = new SignIns(this);
  }

  /** @param storage opened with IDENTITY_MIGRATIONS; closed by whoever opened it */
  static async open(storage: Storage, clock: Clock): Promise<IdentityStore> {
    return new IdentityStore(storage, clock, await readSnapshot(storage));
  }

  async snapshot(): Promise<Snapshot> {
    if (this.clock.monotonicMs() - this.#readAtMs >= FRESH_MS) await this.refresh();
    return this.#snapshot;
  }

  async present(): Promise<Snapshot> {
    await this.refresh();
    return this.#snapshot;
  }

  /** The copy as it is, without a look at the database. */
  get held(): Snapshot {
    return this.#snapshot;
  }

  /** Takes up what was changed before the call. @throws StorageError: what was known counts on */
  refresh(): Promise<void> {
    // A reading under way may have been too early for this caller; all who come meanwhile share the next.
    return (this.#next ??= this.#reading
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return (this.#reading = this.#read());
      }));
  }

  async change(statements: readonly Statement[]): Promise<StatementResult[]> {
    const results = await this.storage.write([...statements, RAISE]);
    await this.refresh();
    return results;
  }

  /** The time as stored. */
  now(): string {
    return timestamp(this.clock);
  }

  async #read(): Promise<void> {
    const startedAtMs = this.clock.monotonicMs();
    if ((await readVersion(this.storage)) !== this.#snapshot.version) {
      this.#snapshot = await readSnapshot(this.storage);
    }
    this.#readAtMs = startedAtMs;
  }
}
