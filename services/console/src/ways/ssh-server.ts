import type { Socket } from "node:net";
import { minutes, seconds, type Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import ssh2, { type Connection, type Session } from "ssh2";
import type { ConsoleDoor } from "../sessions/attachment.js";
import { farAddress } from "./far-address.js";
import type { HostKey } from "./host-key.js";
import { PortListener } from "./port-listener.js";
import type { Guest, SignInDesk } from "./sign-in-desk.js";
import { SshAuthentication } from "./ssh-authentication.js";
import { onBreakRequest } from "./ssh-break.js";
import { SshSession } from "./ssh-session.js";

export interface SshServerOptions {
  readonly host: string;
  readonly port: number;
  readonly hostKey: HostKey;
  readonly door: ConsoleDoor;
  readonly desk: SignInDesk;
  readonly clock: Clock;
  readonly log: Log;
  readonly onProblem: (detail: string | undefined) => void;
}

/** Nothing with SHA-1, CBC or small groups, and no compression: it is what makes small packets large (P19). */
const ALGORITHMS: ssh2.Algorithms = {
  kex: [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
  ],
  serverHostKey: ["ssh-ed25519"],
  cipher: [
    "chacha20-poly1305@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
  ],
  hmac: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256"],
  compress: ["none"],
};
const MAX_CONNECTIONS = 256;
const MAX_PER_ADDRESS = 64;
/** Who has not yet shown who they are; one address may hold a part of it only. */
const MAX_STRANGERS = 64;
const MAX_STRANGERS_PER_ADDRESS = 16;
/** From the first byte to being let in, typing the password included. */
const SIGN_IN_WITHIN = seconds(60);
const MAX_SESSIONS = 16;
/** A connection without a session, as a shared one of OpenSSH between two uses. */
const IDLE_WITHIN = minutes(10);
const KEEP_ALIVE_MS = 30_000;
const KEEP_ALIVES_MISSED = 3;

/** Consoles by SSH: `ssh n1@manager -p 2222`. */
export class SshServer {
  readonly #options: SshServerOptions;
  readonly #listener: PortListener;
  readonly #ssh: ssh2.Server;
  readonly #arriving = new Map<string, SshConnection>();
  readonly #connections = new Set<SshConnection>();
  #saidNoBreak = false;

  constructor(options: SshServerOptions) {
    this.#options = options;
    const { host, port, clock, hostKey, onProblem } = options;
    this.#ssh = new ssh2.Server(
      {
        hostKeys: [hostKey.privateKey],
        ident: "Outrider",
        algorithms: ALGORITHMS,
        keepaliveInterval: KEEP_ALIVE_MS,
        keepaliveCountMax: KEEP_ALIVES_MISSED,
      },
      (connection, { ip, port: farPort }) => {
        this.#arriving.get(`${ip} ${farPort}`)?.begin(connection);
      },
    );
    this.#listener = new PortListener({
      host,
      port,
      clock,
      onProblem,
      maxConnections: MAX_CONNECTIONS,
      maxPerAddress: MAX_PER_ADDRESS,
      serve: (socket) => this.#serve(socket),
    });
  }

  get address(): { readonly host: string; readonly port: number } | undefined {
    return this.#listener.address;
  }

  open(): Promise<void> {
    return this.#listener.open();
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.end("the console service is stopping");
    await this.#listener.close();
  }

  #serve(socket: Socket): void {
    const strangers = [...this.#connections].filter(({ guest }) => !guest);
    const from = farAddress(socket);
    const alike = strangers.filter((one) => one.from === from).length;
    if (strangers.length >= MAX_STRANGERS || alike >= MAX_STRANGERS_PER_ADDRESS) {
      socket.destroy();
      return;
    }
    const key = `${socket.remoteAddress} ${socket.remotePort}`;
    const connection = new SshConnection(socket, from, this.#options, () => this.#noBreak());
    this.#arriving.set(key, connection);
    this.#connections.add(connection);
    socket.once("close", () => {
      this.#arriving.delete(key);
      this.#connections.delete(connection);
      connection.gone();
    });
    this.#ssh.injectSocket(socket);
  }

  #noBreak(): void {
    if (this.#saidNoBreak) return;
    this.#saidNoBreak = true;
    this.#options.log.warn(
      { way: "ssh" },
      "this version of ssh2 does not let break requests through; people use ^Ecl0 instead of ~B",
    );
  }
}

class SshConnection {
  readonly from: string;
  readonly #socket: Socket;
  readonly #options: SshServerOptions;
  readonly #noBreak: () => void;
  readonly #gone = new AbortController();
  readonly #sessions = new Map<Session, SshSession>();
  #idle: AbortController | undefined;
  #client: Connection | undefined;
  #authentication: SshAuthentication | undefined;
  #ready = false;
  #leave: (() => void) | undefined;

  constructor(socket: Socket, from: string, options: SshServerOptions, noBreak: () => void) {
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
    });
    this.#authentication = authentication;
    client.on("authentication", (attempt) => authentication.handle(attempt));
    client.once("ready", () => this.#welcome());
    client.on("session", (accept, reject) => {
      if (!this.#ready || this.#sessions.size >= MAX_SESSIONS) reject();
      else this.#open(accept());
    });
    const hooked = onBreakRequest(
      client,
      (session) => this.#sessions.get(session)?.broke() ?? false,
    );
    if (!hooked) this.#noBreak();
  }

  end(reason: string): void {
    for (const session of this.#sessions.values()) session.end(reason);
    this.#client?.end();
    if (!this.#client) this.#socket.destroy();
  }

  gone(): void {
    this.#gone.abort();
    this.#leave?.();
    for (const session of this.#sessions.values()) session.gone();
    this.#sessions.clear();
  }

  #welcome(): void {
    const guest = this.#authentication?.guest;
    if (!guest) return this.#socket.destroy() as never;
    this.#ready = true;
    this.#leave = this.#options.desk.seat(guest, (reason) => this.end(reason));
    const { person, fingerprint } = guest;
    const method = fingerprint === undefined ? "password" : fingerprint;
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
      if (this.#sessions.size === 0) this.#waitForUse();
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
    const seen = this.#options.door.visibleTo(guest.visitor);
    if (seen.some(({ node }) => node === name)) return { node: name, hint: undefined };
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
