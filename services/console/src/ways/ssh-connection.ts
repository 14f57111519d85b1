import type { Socket } from "node:net";
import { minutes, seconds, type Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import type { Connection, Session } from "ssh2";
import type { ConsoleDoor } from "../sessions/attachment.js";
import type { Guest, SignInDesk } from "./sign-in-desk.js";
import { SshAuthentication } from "./ssh-authentication.js";
import { onBreakRequest } from "./ssh-break.js";
import { SshSession } from "./ssh-session.js";

export interface SshConnectionParts {
  readonly door: ConsoleDoor;
  readonly desk: SignInDesk;
  readonly clock: Clock;
  readonly log: Log;
}

/** From the first byte to being let in, typing the password included. */
const SIGN_IN_WITHIN = seconds(60);
const MAX_SESSIONS = 16;
/** A connection without a session, as a shared one of OpenSSH between two uses. */
const IDLE_WITHIN = minutes(10);
const END_WITHIN = seconds(3);

/** One far end: from its first byte through its sign-in to its sessions. */
export class SshConnection {
  readonly from: string;
  readonly #socket: Socket;
  readonly #options: SshConnectionParts;
  readonly #noBreak: () => void;
  readonly #gone = new AbortController();
  readonly #sessions = new Map<Session, SshSession>();
  #idle: AbortController | undefined;
  #client: Connection | undefined;
  #authentication: SshAuthentication | undefined;
  readonly #closed = Promise.withResolvers<void>();
  #ready = false;
  #ending = false;
  #leave: (() => void) | undefined;

  constructor(socket: Socket, from: string, options: SshConnectionParts, noBreak: () => void) {
    this.from = from;
    this.#socket = socket;
    this.#options = options;
    this.#noBreak = noBreak;
    // However slowly the far end says who it is, or asks for nothing: it has so long.
    void options.clock.sleep(SIGN_IN_WITHIN, this.#gone.signal).then(
      () => {
        if (!this.#ready) socket.destroy();
      },
      () => {},
    );
  }

  /** Once they have shown who they are. */
  get guest(): Guest | undefined {
    return this.#ready ? this.#authentication?.guest : undefined;
  }

  /** The far end has said that it speaks SSH. */
  begin(client: Connection): void {
    this.#client = client;
    const { desk, log } = this.#options;
    // A client that breaks the protocol is closed by ssh2 itself.
    client.on("error", (error) => {
      log.debug({ way: "ssh", from: this.from, detail: error.message }, "an SSH connection failed");
    });
    const authentication = new SshAuthentication({
      desk,
      arrival: { way: "ssh", from: this.from },
      signal: this.#gone.signal,
      log,
      giveUp: () => client.end(),
      isConsole: (name) => this.#options.door.has(name),
    });
    this.#authentication = authentication;
    client.on("authentication", (attempt) => authentication.handle(attempt));
    client.once("ready", () => this.#welcome());
    client.on("session", (accept, reject) => {
      if (!this.#ready || this.#ending || this.#sessions.size >= MAX_SESSIONS) reject();
      else this.#open(accept());
    });
    const hooked = onBreakRequest(
      client,
      (session, ms) => this.#sessions.get(session)?.broke(ms) ?? false,
    );
    if (!hooked) this.#noBreak();
  }

  /**
   * Says why in each session, and ends the connection once they are closed: OpenSSH drops what it has not yet shown
   * when the connection ends under it.
   */
  end(reason: string): void {
    if (this.#ending) return;
    this.#ending = true;
    for (const session of this.#sessions.values()) session.end(reason);
    if (this.#sessions.size === 0) this.#leaveNow();
    void this.#options.clock.sleep(END_WITHIN, this.#gone.signal).then(
      () => this.#socket.destroy(),
      () => {},
    );
  }

  /** Resolves when the connection is closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  #leaveNow(): void {
    this.#client?.end();
    if (!this.#client) this.#socket.destroy();
  }

  gone(): void {
    this.#gone.abort();
    this.#closed.resolve();
    this.#leave?.();
    for (const session of this.#sessions.values()) session.gone();
    this.#sessions.clear();
  }

  #welcome(): void {
    const guest = this.#authentication?.guest;
    if (!guest) {
      this.#socket.destroy();
      return;
    }
    this.#ready = true;
    this.#leave = this.#options.desk.seat(guest, (reason) => this.end(reason));
    const { person, fingerprint, isAnonymous } = guest;
    const method = isAnonymous ? "none" : (fingerprint ?? "password");
    this.#options.log.info({ way: "ssh", from: this.from, person, method }, "a person signed in");
    this.#waitForUse();
  }

  #open(session: Session): void {
    const guest = this.#authentication?.guest;
    if (!guest) return;
    this.#idle?.abort();
    const { door, clock } = this.#options;
    const target = this.#target(guest);
    const one = new SshSession(session, { door, clock, guest, socket: this.#socket, ...target });
    this.#sessions.set(session, one);
    session.once("close", () => {
      this.#sessions.delete(session);
      if (this.#sessions.size > 0) return;
      if (this.#ending) this.#leaveNow();
      else this.#waitForUse();
    });
  }

  /** What the user name says, now that it is known who has come. */
  #target(guest: Guest): { readonly node: string | undefined; readonly hint: string | undefined } {
    const asked = this.#authentication?.asked;
    if (!asked) return { node: undefined, hint: undefined };
    if (asked.kind === "both") {
      return { node: asked.node === "" ? undefined : asked.node, hint: undefined };
    }
    const { name } = asked;
    if (this.#options.door.has(name, guest.visitor)) return { node: name, hint: undefined };
    const hint = `there is no console ${name} that you may see`;
    return { node: undefined, hint: name === guest.person ? undefined : hint };
  }

  #waitForUse(): void {
    if (this.#gone.signal.aborted) return;
    const idle = (this.#idle = new AbortController());
    const signal = AbortSignal.any([idle.signal, this.#gone.signal]);
    void this.#options.clock.sleep(IDLE_WITHIN, signal).then(
      () => this.#client?.end(),
      () => {},
    );
  }
}
