import ssh2, { type AuthContext, type KeyboardAuthContext, type PublicKeyAuthContext } from "ssh2";
import type { Log } from "@outrider/messaging/log";
import { readUserName, type AskedUser } from "./ssh-user-name.js";
import {
  fingerprintOf,
  SignInRefused,
  type Arrival,
  type Guest,
  type SignInDesk,
} from "./sign-in-desk.js";

const METHODS: ("publickey" | "keyboard-interactive" | "password")[] = [
  "publickey",
  "keyboard-interactive",
  "password",
];
/** Wrong passwords on one connection; the next comes by another, and the desk slows both. */
const MAX_PASSWORDS = 6;
/** Keys that are offered and belong to nobody: agents hold many. */
const MAX_KEYS = 30;

/** Finds out who is at the other end of one SSH connection, and what their user name asks for. */
export class SshAuthentication {
  readonly #desk: SignInDesk;
  readonly #arrival: Arrival;
  readonly #signal: AbortSignal;
  readonly #log: Log;
  readonly #giveUp: () => void;
  readonly #isConsole: (name: string) => boolean;
  #guest: Guest | undefined;
  #asked: AskedUser | undefined;
  #passwords = 0;
  #keys = 0;
  /** Why a key was refused; said where the client lets something be said. */
  #sentence: string | undefined;

  constructor(options: {
    readonly desk: SignInDesk;
    readonly arrival: Arrival;
    readonly signal: AbortSignal;
    readonly log: Log;
    readonly giveUp: () => void;
    /** Whether the site declares a console of this name. */
    readonly isConsole: (name: string) => boolean;
  }) {
    this.#desk = options.desk;
    this.#arrival = options.arrival;
    this.#signal = options.signal;
    this.#log = options.log;
    this.#giveUp = options.giveUp;
    this.#isConsole = options.isConsole;
  }

  get guest(): Guest | undefined {
    return this.#guest;
  }
  get asked(): AskedUser | undefined {
    return this.#asked;
  }

  /** Decides on one attempt; never throws. */
  handle(attempt: AuthContext): void {
    this.#decide(attempt).catch((error: unknown) => {
      if (this.#signal.aborted) return;
      this.#log.error({ err: error, way: "ssh" }, "an SSH sign-in could not be checked");
      this.#reject(attempt);
    });
  }

  async #decide(attempt: AuthContext): Promise<void> {
    this.#asked = readUserName(attempt.username);
    if (!this.#asked) return this.#reject(attempt);
    switch (attempt.method) {
      case "publickey":
        return this.#key(attempt, this.#asked);
      case "password":
        return this.#password(attempt, this.#asked);
      case "keyboard-interactive":
        return this.#ask(attempt, this.#asked);
      case "none":
        return this.#nothing(attempt, this.#asked);
      case "hostbased":
        return this.#reject(attempt);
    }
  }

  /** Whoever names a person wants to be them, and has to show it. */
  async #nothing(attempt: AuthContext, asked: AskedUser): Promise<void> {
    const guest = asked.kind === "one" && (await this.#desk.byBeingHere(asked.name, this.#arrival));
    if (guest) this.#accept(attempt, guest);
    else this.#reject(attempt);
  }

  async #key(attempt: PublicKeyAuthContext, asked: AskedUser): Promise<void> {
    const claimed = asked.kind === "both" ? asked.person : undefined;
    const { algo, data } = attempt.key;
    const key = ssh2.utils.parseKey(`${algo} ${data.toString("base64")}`);
    const isModern = algo !== "ssh-rsa" || attempt.hashAlgo !== undefined;
    const fingerprint = fingerprintOf(data);
    const known =
      !(key instanceof Error) &&
      !Array.isArray(key) &&
      isModern &&
      (await this.#desk.knowsKey(fingerprint, claimed));
    if (!known) return this.#rejectKey(attempt);
    if (attempt.signature === undefined || attempt.blob === undefined) return attempt.accept();
    // An Error where it cannot be checked, whatever its type says.
    const verdict: unknown = key.verify(attempt.blob, attempt.signature, attempt.hashAlgo);
    if (verdict !== true) return this.#rejectKey(attempt);
    try {
      this.#accept(attempt, await this.#desk.byKey(fingerprint, claimed, this.#arrival));
    } catch (error) {
      if (!(error instanceof SignInRefused)) throw error;
      this.#sentence = error.message;
      this.#rejectKey(attempt);
    }
  }

  async #password(
    attempt: Extract<AuthContext, { method: "password" }>,
    asked: AskedUser,
  ): Promise<void> {
    const person = asked.kind === "both" ? asked.person : asked.name;
    try {
      this.#accept(
        attempt,
        await this.#desk.byPassword(person, attempt.password, this.#arrival, this.#signal),
      );
    } catch (error) {
      if (!(error instanceof SignInRefused)) throw error;
      this.#sentence = error.message;
      this.#rejectPassword(attempt);
    }
  }

  /** RFC 4256: name and password are asked for, and what was wrong is said. */
  async #ask(attempt: KeyboardAuthContext, asked: AskedUser): Promise<void> {
    const said = this.#sentence === undefined ? "" : `[outrider: ${this.#sentence}]`;
    this.#sentence = undefined;
    // A name that is no console's is taken for a person's, without telling whether there is such a person.
    const named = asked.kind === "one" && this.#isConsole(asked.name) ? undefined : nameOf(asked);
    const words = await prompt(attempt, said, [
      ...(named === undefined ? [{ prompt: "Outrider user: ", echo: true }] : []),
      { prompt: `Password${named === undefined ? "" : ` of ${named}`}: `, echo: false },
    ]);
    // Given up by the client, which begins another.
    if (!words) return;
    const password = words.at(-1) ?? "";
    const person = named ?? (words.length > 1 && words[0] ? words[0] : nameOf(asked));
    try {
      this.#accept(
        attempt,
        await this.#desk.byPassword(person.slice(0, 100), password, this.#arrival, this.#signal),
      );
    } catch (error) {
      if (!(error instanceof SignInRefused)) throw error;
      await prompt(attempt, `[outrider: ${error.message}]`, []);
      this.#rejectPassword(attempt);
    }
  }

  #accept(attempt: AuthContext, guest: Guest): void {
    this.#guest = guest;
    attempt.accept();
  }

  #rejectKey(attempt: AuthContext): void {
    this.#keys += 1;
    this.#reject(attempt);
    if (this.#keys >= MAX_KEYS) this.#giveUp();
  }

  #rejectPassword(attempt: AuthContext): void {
    this.#passwords += 1;
    this.#reject(attempt);
    if (this.#passwords >= MAX_PASSWORDS) this.#giveUp();
  }

  #reject(attempt: AuthContext): void {
    attempt.reject(METHODS);
  }
}

const nameOf = (asked: AskedUser): string => (asked.kind === "both" ? asked.person : asked.name);

function prompt(
  attempt: KeyboardAuthContext,
  instructions: string,
  prompts: { readonly prompt: string; readonly echo: boolean }[],
): Promise<readonly string[] | undefined> {
  return new Promise((resolve) => {
    attempt.prompt(prompts, "Outrider", instructions, (answers: unknown) => {
      resolve(Array.isArray(answers) ? (answers as string[]) : undefined);
    });
  });
}
