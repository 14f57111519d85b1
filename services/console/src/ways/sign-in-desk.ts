import { createHash } from "node:crypto";
import type { AuditEntry } from "@outrider/audit/audit-entry";
import { seconds, type Clock } from "@outrider/contracts/clock";
import type { ConsoleWay } from "@outrider/contracts/console";
import { IdentityError } from "@outrider/identity/identity-error";
import type { IdentityStore } from "@outrider/identity/identity-store";
import { DEMO_OPERATOR, isThisMachine } from "@outrider/identity/demo-operator";
import { ANONYMOUS, isName } from "@outrider/identity/names";
import type { PersonEntry } from "@outrider/identity/snapshot";
import type { Subject } from "@outrider/identity/subject";
import type { Log } from "@outrider/messaging/log";
import { StorageError } from "@outrider/storage/storage-error";
import type { Visitor } from "../sessions/attachment.js";

/** Why somebody is not let in, as a sentence for them. */
export class SignInRefused extends Error {
  override readonly name = "SignInRefused";
}

/** Where somebody comes from, and how. */
export interface Arrival {
  readonly way: Extract<ConsoleWay, "ssh" | "telnet">;
  readonly from: string;
}

/** Somebody who has shown who they are. */
export interface Guest {
  readonly person: string;
  readonly visitor: Visitor;
  /** Of the key with which they came; undefined: by password. */
  readonly fingerprint?: string | undefined;
  /** Has shown nothing but that they are on this machine, which is enough in the demonstration. */
  readonly isAnonymous?: true | undefined;
}

interface Seated extends Guest {
  readonly end: (reason: string) => void;
}

export interface SignInDeskOptions {
  readonly identity: IdentityStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: (entry: AuditEntry) => Promise<void>;
  /** The demonstration: whoever is on this machine is its operator without any credentials. Never with a site of one's own. */
  readonly anonymous?: "loopback-operator" | undefined;
}

const LOOK_EVERY = seconds(1);

/**
 * Finds out who somebody is, by password or by a key that they have proven to hold, writes it down, and sends those
 * away who may not be here any more: a person who was disabled or removed, a key that was taken away.
 */
export class SignInDesk {
  readonly #options: SignInDeskOptions;
  readonly #seated = new Set<Seated>();
  #version = -1;
  #stop: (() => void) | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: SignInDeskOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stop ??= this.#options.clock.every(LOOK_EVERY, () => {
      if (this.#seated.size > 0) this.#looking ??= this.#look();
    });
  }

  async stop(): Promise<void> {
    this.#stop?.();
    this.#stop = undefined;
    await this.#looking;
  }

  /** @throws SignInRefused · the signal's reason */
  async byPassword(
    name: string,
    password: string,
    arrival: Arrival,
    signal?: AbortSignal,
  ): Promise<Guest> {
    try {
      const { person } = await this.#options.identity.signIns.check(
        name,
        password,
        arrival.from,
        signal,
      );
      return await this.#welcome(person.name, undefined, arrival);
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error;
      if (error.code === "sign-in-failed") {
        const known = isName("person", name) ? name : "a name that cannot be";
        await this.#note("person:anonymous", known, arrival, { refused: true });
      }
      throw new SignInRefused(error.message, { cause: error });
    }
  }

  /**
   * Lets in whoever is on this machine, in the demonstration, unless they say that they are somebody who has credentials.
   * @returns undefined when they are to show some
   */
  async byBeingHere(name: string, arrival: Arrival): Promise<Guest | undefined> {
    const { anonymous, identity } = this.#options;
    if (anonymous === undefined || !isThisMachine(arrival.from)) return undefined;
    if ((await identity.snapshot()).people.has(name)) return undefined;
    const actor = `person:${ANONYMOUS}`;
    await this.#note(actor, ANONYMOUS, arrival, { method: "none" });
    const visitor = { actor, subject: () => DEMO_OPERATOR, ...arrival };
    return { person: ANONYMOUS, isAnonymous: true, visitor };
  }

  /**
   * Whether a key may be tried: it belongs to somebody, who may be disabled, which is said once it was proven.
   * @param claimed the only person that it may belong to, where one was named
   */
  async knowsKey(fingerprint: string, claimed: string | undefined): Promise<boolean> {
    const owner = await this.#options.identity.keys.registeredTo(fingerprint);
    return owner !== undefined && (claimed === undefined || claimed === owner);
  }

  /** To be called once the key was proven to be theirs. @throws SignInRefused */
  async byKey(fingerprint: string, claimed: string | undefined, arrival: Arrival): Promise<Guest> {
    const owner = await this.#options.identity.keys.registeredTo(fingerprint);
    if (owner === undefined || (claimed !== undefined && claimed !== owner)) {
      throw new SignInRefused(
        `the key ${fingerprint} belongs to nobody who may come here; add it with "outrider key add NAME -f KEY.pub", or ask an administrator`,
      );
    }
    return this.#welcome(owner, fingerprint, arrival);
  }

  /** From now on the guest is sent away as soon as they may not be here. @returns to be called when they have gone */
  seat(guest: Guest, end: (reason: string) => void): () => void {
    if (guest.isAnonymous) return () => {};
    const seated = { ...guest, end };
    this.#seated.add(seated);
    return () => void this.#seated.delete(seated);
  }

  async #welcome(name: string, fingerprint: string | undefined, arrival: Arrival): Promise<Guest> {
    const { identity } = this.#options;
    const entry = (await identity.snapshot()).people.get(name);
    const reason = whyNot(name, entry);
    const actor = `person:${name}`;
    const method =
      fingerprint === undefined ? { method: "password" } : { method: "key", fingerprint };
    await this.#note(actor, name, arrival, {
      ...method,
      ...(reason !== undefined && { refused: true }),
    });
    if (reason !== undefined) throw new SignInRefused(reason);
    const subject = (): Subject | undefined => {
      const now = identity.held.people.get(name);
      return now && whyNot(name, now) === undefined ? now.subject : undefined;
    };
    return { person: name, fingerprint, visitor: { actor, subject, ...arrival } };
  }

  /**
   * Writes down who came. A console is what mends a full disk: who has shown who they are is let in, and who has not is
   * turned away, even if that cannot be written down; then this service's own log says it.
   */
  async #note(
    actor: string,
    subject: string,
    { way, from }: Arrival,
    data: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const { audit, log } = this.#options;
    try {
      await audit({
        actor,
        via: way === "ssh" ? "ssh" : "cli",
        act: "session.sign-in",
        subject,
        stage: "outcome",
        data: { way, address: from, ...data },
      });
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      log.error(
        { err: error, way, actor, subject, address: from, ...data },
        "a sign-in could not be recorded; free disk space or mend the database",
      );
    }
  }

  async #look(): Promise<void> {
    const { identity, log } = this.#options;
    try {
      const { version, people } = await identity.snapshot();
      if (version === this.#version) return;
      for (const one of this.#seated) {
        const reason = whyNot(one.person, people.get(one.person)) ?? (await this.#keyGone(one));
        if (reason !== undefined) one.end(reason);
      }
      this.#version = version;
    } catch (error) {
      log.warn(
        { err: error },
        "who may be at consoles cannot be looked up; what was known counts on",
      );
    } finally {
      this.#looking = undefined;
    }
  }

  async #keyGone({ fingerprint, person }: Guest): Promise<string | undefined> {
    if (fingerprint === undefined) return undefined;
    const owner = await this.#options.identity.keys.ownerOf(fingerprint);
    return owner === person ? undefined : `the key ${fingerprint} was taken away`;
  }
}

function whyNot(name: string, entry: PersonEntry | undefined): string | undefined {
  if (!entry) return `there is no ${name} any more`;
  if (entry.person.disabled) return `${name} is disabled; ask an administrator`;
  if (entry.person.mustChangePassword) {
    return `${name} has a one-time password, which must be changed first: run "outrider login ${name}", or sign in at the web page`;
  }
  return undefined;
}

/** `SHA256:…` of a public key's blob, as ssh-keygen shows it. */
export function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replaceAll("=", "")}`;
}
