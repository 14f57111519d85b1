import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PortError } from "@outrider/ports/port-error";
import { seconds, type Clock } from "@outrider/ports/time";
import { CHILD_PATH, runChild } from "./child.js";
import { Gathered } from "./gathered.js";

/** Where a libvirt listens. */
export interface LibvirtAddress {
  /** `qemu:///system`, `qemu+ssh://user@host/system`: without a query, in which libvirt lets programs be named. */
  readonly uri: string;
  /** The socket of its daemon, where it is not the usual one. */
  readonly socket?: string | undefined;
  /** Of `qemu+ssh`. */
  readonly ssh?: SshLogin | undefined;
}

/** Who the agent is to a host, and who that is. */
export interface SshLogin {
  /** Without a passphrase. In no argument: it is read from a file that lives no longer than the call. */
  readonly privateKey: string;
  /** The only host key that is believed: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
}

/** What libvirt says of a machine, by its numbers (`virDomainState` and the reasons of that state). */
export interface DomainState {
  readonly state: number;
  readonly reason: number;
}

export const VIRSH_READ_DEADLINE = seconds(8);
export const VIRSH_ACT_DEADLINE = seconds(11);
/** Of the states of all machines; a few dozen bytes each. */
const MAX_BYTES = 4_194_304;

/** A libvirt, by virsh on the agent's host. One question tells the states of all of its machines. */
export class Virsh implements Disposable {
  /** By the names of all machines that there are, whether they run or not. */
  readonly states: Gathered<void, ReadonlyMap<string, DomainState>>;

  constructor(
    private readonly libvirt: LibvirtAddress,
    private readonly clock: Clock,
  ) {
    this.states = new Gathered(clock, this.what, async (_, signal) =>
      statesIn(await this.#run(["domstats", "--raw", "--state"], VIRSH_READ_DEADLINE, signal)),
    );
  }

  /** As messages name it. */
  get what(): string {
    const { uri, socket } = this.libvirt;
    return `The libvirt at ${uri}${socket === undefined ? "" : ` (${socket})`}`;
  }

  /**
   * Has it do something, once, and returns when it has taken that.
   * @param command of virsh, with its arguments
   * @throws PortError by what virsh says; the signal's reason
   */
  async act(command: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#run(command, VIRSH_ACT_DEADLINE, signal);
  }

  [Symbol.dispose](): void {
    this.states[Symbol.dispose]();
  }

  async #run(
    command: readonly string[],
    deadline: typeof VIRSH_READ_DEADLINE,
    signal: AbortSignal,
  ): Promise<string> {
    const { ssh } = this.libvirt;
    if (ssh === undefined) return this.#child(undefined, command, deadline, signal);
    signal.throwIfAborted();
    const dir = await mkdtemp(join(tmpdir(), "outrider-ssh-"));
    try {
      await writeFile(join(dir, KEY), `${ssh.privateKey.trimEnd()}\n`, { mode: 0o600 });
      const known = `${knownName(this.libvirt.uri)} ${ssh.hostKey}\n`;
      await writeFile(join(dir, KNOWN), known, { mode: 0o600 });
      return await this.#child(dir, command, deadline, signal);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  /** @param keys the folder with the keys of SSH */
  async #child(
    keys: string | undefined,
    command: readonly string[],
    deadline: typeof VIRSH_READ_DEADLINE,
    signal: AbortSignal,
  ): Promise<string> {
    const { what, clock, libvirt } = this;
    const { code, stdout, stderr } = await runChild(
      {
        command: "virsh",
        args: ["--quiet", "--connect", connectionOf(libvirt, keys), ...command],
        // No daemon of the agent's own is started where there is none.
        env: { PATH: CHILD_PATH, LC_ALL: "C", LIBVIRT_AUTOSTART: "0" },
        what,
        deadline,
        clock,
        maxBytes: MAX_BYTES,
      },
      signal,
    );
    if (code === 0) return stdout;
    throw failureOf(what, stderr);
  }
}

const KEY = "key";
const KNOWN = "known";

/** The address as libvirt takes it. @param keys the folder with the keys of SSH */
export function connectionOf({ uri, socket }: LibvirtAddress, keys?: string): string {
  const query = new URLSearchParams();
  if (socket !== undefined) query.set("socket", socket);
  if (keys !== undefined) {
    query.set("keyfile", join(keys, KEY));
    query.set("known_hosts", join(keys, KNOWN));
    query.set("known_hosts_verify", "normal");
    query.set("sshauth", "privkey");
    // Nobody is there to be asked for a password or a new host's key.
    query.set("no_tty", "1");
    // The helper of libvirt on the other host knows the usual socket only.
    if (socket !== undefined) query.set("proxy", "netcat");
  }
  // The transport `ssh` runs OpenSSH as whoever runs the agent has set it up; this one has nothing but what is given.
  const exact = uri.replace(/^qemu\+ssh:/, "qemu+libssh:");
  const whole = socket === undefined ? exact : exact.replace(/^qemu:/, "qemu+unix:");
  return query.size === 0 ? whole : `${whole}?${query.toString()}`;
}

/** As a file of known hosts has it. */
function knownName(uri: string): string {
  const { hostname, port } = new URL(uri);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return port === "" || port === "22" ? host : `[${host}]:${port}`;
}

/** Lines as `Domain: 'vm1'`, then `  state.state=1` and `  state.reason=1`. */
function statesIn(text: string): ReadonlyMap<string, DomainState> {
  const states = new Map<string, DomainState>();
  for (const part of text.split(/^Domain: /m)) {
    const [, name] = /^'(.*)'\n/.exec(part) ?? [];
    const [, state] = /^ {2}state\.state=(\d+)$/m.exec(part) ?? [];
    const [, reason = "0"] = /^ {2}state\.reason=(\d+)$/m.exec(part) ?? [];
    if (name === undefined || state === undefined) continue;
    states.set(name, { state: Number(state), reason: Number(reason) });
  }
  return states;
}

/** By what virsh says, since it exits with 1 for everything. */
function failureOf(what: string, said: string): PortError {
  const words = wordsOf(said);
  if (/HOST KEY VERIFICATION FAILED|SSH host key .* was not accepted/.test(said)) {
    return new PortError(
      "refused",
      `${what}: the host has another key than the endpoint says. When it was installed anew, correct hostKey (ssh-keyscan shows it); else somebody else answers at its address.`,
    );
  }
  if (/failed to authenticate: |private key/i.test(said)) {
    return new PortError(
      "refused",
      `${what}: the host does not let the user in with this key. Check its authorized_keys, and that the key of the endpoint is one of OpenSSH without a passphrase.`,
    );
  }
  if (/authentication (failed|unavailable|cancelled)|Permission denied|access denied/i.test(said)) {
    return new PortError(
      "refused",
      `${what} does not let the agent in: ${words} Put the agent's user into the group of its socket (on Debian: libvirt).`,
    );
  }
  if (/no connection driver available|Cannot read (CA )?certificate|invalid URI/i.test(said)) {
    return new PortError(
      "invalid-options",
      `${what} cannot be spoken to from the agent's host: ${words} Correct the option uri, or install what is missing.`,
    );
  }
  if (
    /failed to connect to the hypervisor|Cannot recv data|End of file while reading/i.test(said)
  ) {
    return new PortError(
      "unreachable",
      `${what}: no connection. ${words} Check that its daemon runs and that the address is right.`,
    );
  }
  if (/not supported by the connection driver|unsupported flags/i.test(said)) {
    return new PortError(
      "unsupported",
      `${what} cannot do this: ${words} Take the action out of the option controls.`,
    );
  }
  return new PortError("refused", `${what} refuses: ${words} Look at it, then repeat.`);
}

function wordsOf(said: string): string {
  const lines = said.split("\n").map((line) => line.replace(/^error: /, "").trim());
  const words = lines.filter((line) => line !== "").join(": ");
  const plain = words.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 300);
  return plain === "" ? "no reason is told." : plain.replace(/[^.]$/, "$&.");
}
