import { milliseconds } from "@outrider/contracts/clock";
import { BackOff } from "./back-off.js";
import { IdentityError } from "./identity-error.js";
import type { StoreCore } from "./identity-store.js";
import { hashPassword, matchesPassword, needsRehash } from "./passwords.js";
import type { PersonEntry } from "./snapshot.js";

/** Checks passwords, and makes guessing slow without ever locking anybody out. */
export class SignIns {
  readonly #backOff: BackOff;

  constructor(private readonly store: StoreCore) {
    this.#backOff = new BackOff(store.clock);
  }

  /**
   * The person whose password it is. An unknown name takes as long as a wrong password.
   * @param address where the attempt comes from
   * @throws IdentityError `sign-in-failed`, `too-many`, and the signal's reason
   */
  async check(
    name: string,
    password: string,
    address: string,
    signal?: AbortSignal,
  ): Promise<Omit<PersonEntry, "hash">> {
    const refusedForMs = this.#backOff.refusedForMs(address);
    if (refusedForMs > 0) {
      throw new IdentityError(
        "too-many",
        "too many wrong passwords came from this address; wait a little",
        refusedForMs,
      );
    }
    await this.store.clock.sleep(milliseconds(this.#backOff.waitMs(name)), signal);
    const entry = (await this.store.snapshot()).people.get(name);
    const right = await matchesPassword(entry?.hash, Buffer.from(password));
    if (!entry || !right || entry.person.disabled) {
      this.#backOff.failed(name, address);
      throw new IdentityError("sign-in-failed", "unknown name or wrong password");
    }
    this.#backOff.succeeded(name, address);
    if (needsRehash(entry.hash)) await this.#rehash(entry, password);
    return { person: entry.person, subject: entry.subject };
  }

  /** The old hash is good until the new one is stored; a full disk is no reason to send somebody away. */
  async #rehash({ person, hash }: PersonEntry, password: string): Promise<void> {
    try {
      const next = await hashPassword(password);
      await this.store.change([
        {
          sql: "UPDATE identity_person SET hash = ? WHERE name = ? AND hash = ?",
          params: [next, person.name, hash],
        },
      ]);
    } catch {
      // Again at the next sign-in.
    }
  }
}
