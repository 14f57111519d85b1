import { Nested, Optional, WordList } from "@outrider/contracts/decorators";
import { SecretReference } from "@outrider/contracts/secret";
import { defineDriver } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import {
  SUPPLY_OFF,
  type NativeAction,
  type PowerPort,
  type PowerReading,
} from "@outrider/ports/power-port";
import { milliseconds } from "@outrider/ports/time";
import { SharedByClock } from "@outrider/transports/shared";
import {
  Virsh,
  VIRSH_ACT_DEADLINE,
  VIRSH_READ_DEADLINE,
  type DomainState,
} from "@outrider/transports/virsh";
import { Matches } from "class-validator";

/** What virsh is told for each. */
const CONTROLS = {
  ForceRestart: (domain: string) => ["reset", domain],
  // Without the mode, libvirt may wait long for a guest agent that hangs.
  GracefulShutdown: (domain: string) => ["shutdown", domain, "--mode", "acpi"],
  Nmi: (domain: string) => ["inject-nmi", domain],
} as const satisfies Partial<Record<NativeAction, (domain: string) => readonly string[]>>;
type Control = keyof typeof CONTROLS;
const NATIVE = Object.keys(CONTROLS) as Control[];

/** A machine of a libvirt. */
export class LibvirtPowerOptions {
  /**
   * Where libvirt is: `qemu:///system` on the agent's own host, `qemu+ssh://user@host/system` or
   * `qemu+tls://host/system` on another. Parameters cannot be given: they would name programs.
   */
  @Matches(
    /^qemu(\+(unix|ssh|tls))?:\/\/(([A-Za-z0-9_][A-Za-z0-9._-]{0,63}@)?([A-Za-z0-9][A-Za-z0-9.-]{0,254}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?)?\/(system|session)$/,
  )
  uri!: string;
  /** Absolute path of the socket of its daemon. Default: where libvirt has it. */
  @Optional() @Matches(/^\/[A-Za-z0-9._/@+-]{1,106}$/) socket?: string;
  /** The machine's name, as `virsh list --all` has it. A name of digits alone would be taken for a running number. */
  @Matches(/^(?!\d+$)[A-Za-z0-9_][A-Za-z0-9_.+:@-]{0,254}$/)
  domain!: string;
  /** Of `qemu+ssh`: the host's public key, as `ssh-keyscan` shows it after the name; any other is refused. */
  @Optional()
  @Matches(/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{40,1200}={0,2}$/)
  hostKey?: string;
  /** Of `qemu+ssh`: the private key, without a passphrase. */
  @Optional() @Nested(() => SecretReference) key?: SecretReference;
  /** What the machine can be told. Default: all of them. */
  @Optional() @WordList(NATIVE) controls?: Control[];
}

export const driver = defineDriver({
  port: "power",
  driver: "libvirt",
  summary:
    "A virtual machine of QEMU or KVM that libvirt runs, by virsh on the agent's host: supply, ACPI shutdown, reset, NMI.",
  actions: ["On", "ForceOff", ...NATIVE],
  options: LibvirtPowerOptions,
  exclusive: ["uri", "socket", "domain"],
  network: "uri",
  example: { options: { uri: "qemu:///system", domain: "vm1" } },
  proof: "libvirtd 9.0.0 with machines of QEMU 7.2, by its socket and by OpenSSH 9.2",
  open: async (options, { clock, secret }) => {
    const { uri, socket, domain, controls = NATIVE, key, hostKey } = options;
    const bySsh = /^qemu\+ssh:\/\/[^/]*@/.test(uri) && key !== undefined && hostKey !== undefined;
    if (!bySsh && (uri.startsWith("qemu+ssh:") || key !== undefined || hostKey !== undefined)) {
      throw new PortError(
        "invalid-options",
        "The options uri, key and hostKey: qemu+ssh://user@host/system needs a user and both keys, and nothing else takes a key. Correct the endpoint.",
      );
    }
    const ssh = bySsh ? { privateKey: await secret(key), hostKey } : undefined;
    const address = { uri, socket, ssh };
    const share = libvirts.take(clock, JSON.stringify(address), () => new Virsh(address, clock));
    return portOf(share.value, domain, controls, () => share[Symbol.dispose]());
  },
});

const libvirts = new SharedByClock<Virsh>();
const AT_ONCE = milliseconds(0);
/** It is read, told, and read, or told to resume. */
const ACT_WITHIN = milliseconds(2 * (VIRSH_READ_DEADLINE + VIRSH_ACT_DEADLINE));

function portOf(
  virsh: Virsh,
  domain: string,
  offered: readonly Control[],
  close: () => void,
): PowerPort {
  const what = `${virsh.what}, machine ${domain}`;
  const stateOf = async (signal: AbortSignal, patience = AT_ONCE): Promise<DomainState> => {
    const state = (await virsh.states.read(undefined, signal, patience)).get(domain);
    if (state !== undefined) return state;
    throw new PortError(
      "invalid-options",
      `${virsh.what} has no machine ${domain}. Correct the option domain, or define it: one that is only started and not defined is gone when it is off.`,
    );
  };
  const act = async (control: Control, signal: AbortSignal): Promise<void> => {
    const before = await stateOf(signal);
    const { supply } = readingOf(before);
    if (supply === "Off") {
      throw new PortError(
        "refused",
        `${what}: the supply is off, so ${control} has no effect. Switch On.`,
      );
    }
    if (isHeld(before)) {
      throw new PortError(
        "refused",
        `${what}: it is paused, so ${control} has no effect. Resume it (virsh resume), then repeat.`,
      );
    }
    await virsh.act(CONTROLS[control](domain), signal);
    // A machine that libvirt stopped for its panic is reset and left standing.
    if (control === "ForceRestart" && hasPanicked(before)) {
      await virsh.act(["resume", domain], signal);
    }
  };
  return {
    answersWithin: { read: VIRSH_READ_DEADLINE, act: ACT_WITHIN },
    read: async (signal, options) => readingOf(await stateOf(signal, options?.patience)),
    setSupply: async (on, signal) => {
      const { supply } = readingOf(await stateOf(signal));
      if (supply === (on ? "On" : "Off")) return;
      try {
        await virsh.act([on ? "start" : "destroy", domain], signal);
      } catch (error) {
        if (!(error instanceof PortError) || error.code !== "refused") throw error;
        const now = readingOf(await stateOf(signal)).supply;
        // Somebody else was faster.
        if (now === (on ? "On" : "Off")) return;
        throw new PortError(
          "refused",
          `${what} refuses to switch ${on ? "on" : "off"}. ${error.message}`,
          { cause: error },
        );
      }
    },
    native: Object.fromEntries(
      offered.map((control) => [control, (signal: AbortSignal) => act(control, signal)]),
    ),
    [Symbol.asyncDispose]: async () => close(),
  };
}

/** Numbers of `virDomainState`. */
const RUNNING = 1;
const BLOCKED = 2;
const PAUSED = 3;
const SHUTTING_DOWN = 4;
const SHUT_OFF = 5;
const CRASHED = 6;
const SLEEPING = 7;

/** What a person should know of a machine that is off, by `virDomainShutoffReason`. */
const OFF_BECAUSE: Readonly<Record<number, string>> = {
  3: "It has crashed.",
  4: "It has been moved to another hypervisor.",
  5: "It has been saved; On resumes it where it was.",
  6: "It could not be started (virsh dominfo, and libvirt's log of the machine).",
  8: "Its hypervisor has ended.",
};
/** What a person should know of a paused machine, by `virDomainPausedReason`. */
const PAUSED_BECAUSE: Readonly<Record<number, string>> = {
  1: "somebody has paused it. virsh resume lets it run on.",
  2: "it is being moved to another hypervisor.",
  3: "it is being saved.",
  4: "it is being dumped.",
  5: "its disk has failed or is full. Mend that, then virsh resume.",
  6: "its watchdog has bitten. virsh reset, then virsh resume.",
  9: "a snapshot is being taken.",
  11: "it is starting.",
};
const PAUSED_FOR_PANIC = 10;

function hasPanicked({ state, reason }: DomainState): boolean {
  return state === CRASHED || (state === PAUSED && reason === PAUSED_FOR_PANIC);
}

/** Whether it has its supply and does not run, until somebody lets it. */
function isHeld(one: DomainState): boolean {
  return one.state === PAUSED && !hasPanicked(one);
}

function readingOf(one: DomainState): PowerReading {
  const { state, reason } = one;
  const on = { supply: "On", supplyEvidence: "ReadBack", hostEvidence: "ReadBack" } as const;
  const unknown = { host: "Unknown", hostEvidence: "Assumed" } as const;
  if (hasPanicked(one)) return { ...on, host: "Halted", problem: "The host panicked." };
  switch (state) {
    case RUNNING:
    case BLOCKED:
      return { ...on, host: "Running" };
    case PAUSED: {
      const why = PAUSED_BECAUSE[reason] ?? `libvirt says no more (${reason}).`;
      return { ...on, ...unknown, problem: `The machine is paused: ${why}` };
    }
    case SHUTTING_DOWN:
      return { ...on, ...unknown, supply: "PoweringOff" };
    case SHUT_OFF: {
      const problem = OFF_BECAUSE[reason];
      return { ...SUPPLY_OFF, ...(problem === undefined ? {} : { problem }) };
    }
    case SLEEPING:
      return { ...on, ...unknown, problem: "The host sleeps (suspended to memory)." };
    default:
      return { ...on, ...unknown, problem: `libvirt does not know its state (${state}).` };
  }
}
