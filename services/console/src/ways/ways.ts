import type { Socket } from "node:net";
import type { AuditEntry } from "@outrider/audit/audit-entry";
import type { Clock } from "@outrider/contracts/clock";
import type { ConsolePolicies } from "@outrider/contracts/console";
import type { IdentityStore } from "@outrider/identity/identity-store";
import type { Log } from "@outrider/messaging/log";
import type { ConsoleDoor } from "../sessions/attachment.js";
import { declaredIn, keyOf, withoutClashes, type DeclaredPort } from "./declared-ports.js";
import { readHostKey, type HostKey } from "./host-key.js";
import { PortListener } from "./port-listener.js";
import { serveRaw } from "./raw-server.js";
import { serveRfc2217 } from "./rfc2217-server.js";
import { SignInDesk } from "./sign-in-desk.js";
import { SshServer } from "./ssh-server.js";
import { serveTelnet } from "./telnet-server.js";

/** The ways in that have a port of their own. */
export const PORT_WAYS = ["ssh", "telnet", "raw", "rfc2217"] as const;
export type PortWay = (typeof PORT_WAYS)[number];

/** A way in that is not open although it should be. */
export interface WayProblem {
  readonly way: PortWay;
  /** Missing for SSH, which is one for all. */
  readonly node?: string | undefined;
  readonly port: number;
  /** What is wrong, and what to do. */
  readonly detail: string;
}

export interface WaysOptions {
  readonly door: ConsoleDoor;
  readonly identity: IdentityStore;
  /** What is known at the start; later by `configure`. */
  readonly policies?: ConsolePolicies | undefined;
  /** Address that SSH listens on. */
  readonly bind: string;
  /** Address for what has no encryption (telnet) or no sign-in (raw, RFC 2217); undefined: the loopback interface. */
  readonly openBind?: string | undefined;
  /** 0: any free port; undefined: no SSH. */
  readonly sshPort?: number | undefined;
  readonly dataDirectory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Writes a record before what it says is done. */
  readonly audit: (entry: AuditEntry) => Promise<void>;
  /** In the demonstration SSH lets in whoever is on this machine, as its operator. Telnet asks everybody. */
  readonly anonymous?: "loopback-operator" | undefined;
  /** Told whenever the list of problems has changed. */
  readonly onProblems?: ((problems: readonly WayProblem[]) => void) | undefined;
}

const LOOPBACK = "127.0.0.1";
/** Over all ports of all consoles, so that file descriptors are left for the rest. */
const MAX_CONNECTIONS = 2048;

/** SSH, telnet, raw TCP and RFC 2217: opens and closes listeners as the site declares them. */
export class Ways {
  readonly #options: WaysOptions;
  readonly #desk: SignInDesk;
  readonly #open = new Map<
    string,
    { readonly declared: DeclaredPort; readonly listener: PortListener }
  >();
  readonly #problems = new Map<string, WayProblem>();
  #sshServer: SshServer | undefined;
  #hostKey: HostKey | undefined;
  #applying: Promise<void> = Promise.resolve();
  #stopping = false;

  constructor(options: WaysOptions) {
    this.#options = options;
    const { identity, clock, log, audit, anonymous } = options;
    this.#desk = new SignInDesk({ identity, clock, log, audit, anonymous });
  }

  /** What is not open although it should be; empty when all is well. */
  get problems(): readonly WayProblem[] {
    return [...this.#problems.values()];
  }

  /** Where SSH listens, and the fingerprint of its host key (`SHA256:…`). Undefined while it does not. */
  get ssh():
    | { readonly host: string; readonly port: number; readonly fingerprint: string }
    | undefined {
    const address = this.#sshServer?.address;
    return address && this.#hostKey && { ...address, fingerprint: this.#hostKey.fingerprint };
  }

  /** Opens what is declared. A port that cannot be had is a problem that is tried again, never an error. */
  async start(): Promise<void> {
    this.#desk.start();
    const { policies } = this.#options;
    if (policies) this.configure(policies);
    await Promise.all([this.#openSsh(), this.#applying]);
  }

  /** Opens, closes and moves listeners; who is connected by a way that is gone is disconnected. */
  configure(policies: ConsolePolicies): void {
    this.#applying = this.#applying.then(() => this.#apply(declaredIn(policies)));
  }

  /** Disconnects everybody and resolves when nothing listens any more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#applying;
    await Promise.all([
      this.#sshServer?.close(),
      ...[...this.#open.values()].map(({ listener }) => listener.close()),
      this.#desk.stop(),
    ]);
    this.#open.clear();
  }

  async #openSsh(): Promise<void> {
    const { bind, sshPort, dataDirectory, door, clock, log } = this.#options;
    if (sshPort === undefined) return;
    const problem = (detail: string | undefined): void => {
      this.#note("ssh", detail === undefined ? undefined : { way: "ssh", port: sshPort, detail });
    };
    try {
      this.#hostKey = await readHostKey(dataDirectory);
    } catch (error) {
      // The other ways are open without it, and a person mends the file and starts anew.
      return problem(error instanceof Error ? error.message : String(error));
    }
    const hostKey = this.#hostKey;
    this.#sshServer = new SshServer({
      host: bind,
      port: sshPort,
      hostKey,
      door,
      desk: this.#desk,
      clock,
      log,
      onProblem: (detail) => {
        problem(detail);
        const { ssh } = this;
        if (ssh) log.info({ ...ssh, way: "ssh" }, "consoles are reached by SSH here");
      },
    });
    await this.#sshServer.open();
  }

  async #apply(declared: readonly DeclaredPort[]): Promise<void> {
    if (this.#stopping) return;
    const { wanted, clashes } = withoutClashes(
      declared,
      [...this.#open.values()].map((one) => one.declared),
    );
    const keys = new Set(wanted.map(keyOf));
    const gone = [...this.#open].filter(([key]) => !keys.has(key));
    await Promise.all(gone.map(([, { listener }]) => listener.close()));
    for (const [key] of gone) this.#open.delete(key);
    for (const key of this.#problems.keys()) {
      if (key !== "ssh" && !this.#open.has(key)) this.#note(key, undefined);
    }
    for (const { declared: one, detail } of clashes) this.#note(keyOf(one), { ...one, detail });
    await Promise.all(
      wanted.filter((one) => !this.#open.has(keyOf(one))).map((one) => this.#listen(one)),
    );
  }

  async #listen(declared: DeclaredPort): Promise<void> {
    const { openBind = LOOPBACK, clock } = this.#options;
    const key = keyOf(declared);
    const listener = new PortListener({
      // Telnet shows passwords to the wire and the others ask for none: beyond loopback only in so many words.
      host: openBind,
      port: declared.port,
      clock,
      serve: (socket) => this.#serve(socket, declared),
      hasRoom: () => this.#connections < MAX_CONNECTIONS,
      onProblem: (detail) =>
        this.#note(key, detail === undefined ? undefined : { ...declared, detail }),
    });
    this.#open.set(key, { declared, listener });
    await listener.open();
  }

  #serve(socket: Socket, { way, node }: DeclaredPort): void {
    const { door, clock, log } = this.#options;
    switch (way) {
      case "telnet":
        return serveTelnet(socket, node, { door, clock, log, desk: this.#desk });
      case "raw":
        return serveRaw(socket, node, { door, clock, log });
      case "rfc2217":
        return serveRfc2217(socket, node, { door, clock, log });
    }
  }

  get #connections(): number {
    let all = 0;
    for (const { listener } of this.#open.values()) all += listener.connections;
    return all;
  }

  #note(key: string, problem: WayProblem | undefined): void {
    const before = this.#problems.get(key);
    if (before?.detail === problem?.detail) return;
    const { log, onProblems } = this.#options;
    if (problem) {
      this.#problems.set(key, problem);
      log.warn({ ...problem }, "a way to consoles is not open");
    } else {
      this.#problems.delete(key);
      log.info(
        { node: before?.node, way: before?.way },
        "a way to consoles is open, or not declared any more",
      );
    }
    onProblems?.(this.problems);
  }
}
