import type { Socket } from "node:net";
import { seconds, type Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import ssh2 from "ssh2";
import type { ConsoleDoor } from "../sessions/attachment.js";
import { farAddress } from "./far-address.js";
import type { HostKey } from "./host-key.js";
import { PortListener } from "./port-listener.js";
import type { SignInDesk } from "./sign-in-desk.js";
import { SshConnection } from "./ssh-connection.js";

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
    // In this order: a client that has guessed right and sends on at once (Dropbear) would wait for ssh2 for ever.
    "curve25519-sha256@libssh.org",
    "curve25519-sha256",
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
/** How long those who are there may take to hear why. */
const STOP_WITHIN = seconds(1);
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
      halfOpen: false,
      maxConnections: MAX_CONNECTIONS,
      maxPerAddress: MAX_PER_ADDRESS,
      // It counts strangers by itself, and a script runs many commands.
      burst: Infinity,
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
    const connections = [...this.#connections];
    for (const connection of connections) connection.end("the console service is stopping");
    const done = new AbortController();
    const late = this.#options.clock.sleep(STOP_WITHIN, done.signal).catch(() => {});
    await Promise.race([Promise.all(connections.map(({ closed }) => closed)), late]);
    done.abort();
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
