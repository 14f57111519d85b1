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
}

/** What libvirt says of a machine, by its numbers (`virDomainState` and the reasons of that state). */
export interface DomainState {
  readonly state: number;
  readonly reason: number;
}

const READ_DEADLINE = seconds(8);
const ACT_DEADLINE = seconds(11);
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
      statesIn(await this.#run(["domstats", "--raw", "--state"], READ_DEADLINE, signal)),
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
    await this.#run(command, ACT_DEADLINE, signal);
  }

  [Symbol.dispose](): void {
    this.states[Symbol.dispose]();
  }

  async #run(
    command: readonly string[],
    deadline: typeof READ_DEADLINE,
    signal: AbortSignal,
  ): Promise<string> {
    const { what, clock, libvirt } = this;
    const { code, stdout, stderr } = await runChild(
      {
        command: "virsh",
        args: ["--quiet", "--connect", connectionOf(libvirt), ...command],
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

/** The address as libvirt takes it. */
export function connectionOf({ uri, socket }: LibvirtAddress): string {
  const query = new URLSearchParams();
  if (socket !== undefined) query.set("socket", socket);
  // Nobody is there to be asked for a password or a new host's key.
  if (uri.startsWith("qemu+ssh:")) query.set("no_tty", "1");
  const whole = socket === undefined ? uri : uri.replace(/^([a-z]+):/, "$1+unix:");
  return query.size === 0 ? whole : `${whole}?${query.toString()}`;
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
