import type { EndpointAction } from "./agent.js";
import type { InterfaceKind } from "./ids.js";
import type { Wake } from "./node.js";
import { ACTIONS, type Action, type Host, type Supply } from "./power.js";
import type { ReasonCode } from "./reasons.js";

/**
 * The table action × interfaces → steps. Pure: what a ladder would be, never what happened.
 * Every step is safe to stop after; only the last rungs of `GracefulRestart` are owed once the host has halted.
 */

/** What the bound interfaces of a node can do, by kind. A kind that is missing is not wired. */
export type Capabilities = Partial<Record<InterfaceKind, readonly EndpointAction[]>>;

/** Tell an endpoint to act. */
export interface ActStep {
  readonly kind: "act";
  readonly interface: InterfaceKind;
  readonly action: EndpointAction;
  /** Whether this rung must still be done, after a crash too, once the rung before it has succeeded. */
  readonly owed: boolean;
}

/** Wait until the host has stopped (or its supply is gone), at most for the node's graceful limit, or a part of it. */
export interface AwaitHaltStep {
  readonly kind: "await-halt";
  /** Of the graceful limit, above 0 and up to 1; missing: all of it. The waits of a ladder are 1 together. */
  readonly part?: number | undefined;
}

/** What follows the halt of a host that shall come back; which, is decided by what is then seen. */
export interface ReviveStep {
  readonly kind: "revive";
}

export type Step = ActStep | AwaitHaltStep | ReviveStep;

export interface LadderInput {
  readonly action: Action;
  readonly capabilities: Capabilities;
  readonly supply: Supply;
  readonly host: Host;
  readonly wake?: Wake | undefined;
  readonly escalate: boolean;
}

export type Ladder =
  | {
      readonly outcome: "steps";
      readonly steps: readonly Step[];
      /** What takes the place of the remaining rungs when the host does not obey; empty: the command times out. */
      readonly escalation: readonly Step[];
    }
  | { readonly outcome: "unchanged"; readonly detail: string }
  | { readonly outcome: "rejected"; readonly reasonCode: ReasonCode; readonly detail: string };

/** Actions that the interfaces allow, whatever the node's state is. In the order of {@link ACTIONS}. */
export function supportedActions(capabilities: Capabilities): Action[] {
  const can = new Map<Action, boolean>([
    ["On", has(capabilities, "power", "On")],
    ["ForceOff", has(capabilities, "power", "ForceOff")],
    ["GracefulShutdown", canAsk(capabilities)],
    // Whoever asks a host to stop must be able to bring it back, be its supply then off or on.
    [
      "GracefulRestart",
      canAsk(capabilities) &&
        has(capabilities, "power", "On") &&
        has(capabilities, "power", "PowerCycle"),
    ],
    ["ForceRestart", restart(capabilities) !== undefined],
    ["PowerCycle", has(capabilities, "power", "PowerCycle")],
    ["Nmi", has(capabilities, "power", "Nmi")],
    ["PushPowerButton", press(capabilities) !== undefined],
  ]);
  return ACTIONS.filter((action) => can.get(action));
}

/** The ladder for one action on one node as it was last seen. */
export function planLadder(input: LadderInput): Ladder {
  const { action, capabilities, supply, host } = input;
  const supported = supportedActions(capabilities);
  if (!supported.includes(action)) {
    const list =
      supported.length > 0 ? `it can ${supported.join(", ")}` : "no interface of it is bound";
    return rejected("unsupported-action", `this node cannot ${action}; ${list}`);
  }
  const off = supply === "Off";
  const down = off || host === "Halted";
  switch (action) {
    case "On":
      if (supply === "On" && host === "Halted") return wakeLadder(input);
      return steps([act("power", "On")]);
    case "ForceOff":
      return steps([act("power", "ForceOff")]);
    case "PowerCycle":
      return steps([act("power", "PowerCycle")]);
    case "ForceRestart":
      if (off) return nothingToActOn();
      return steps(required(restart(capabilities)));
    case "Nmi":
      if (off) return nothingToActOn();
      return steps([act("power", "Nmi")]);
    case "PushPowerButton":
      if (off) return nothingToActOn();
      return steps([required(press(capabilities))]);
    case "GracefulShutdown":
      if (down)
        return {
          outcome: "unchanged",
          detail: off ? "the supply is already off" : "the host has already halted",
        };
      return {
        outcome: "steps",
        steps: graceful(capabilities),
        escalation:
          input.escalate && has(capabilities, "power", "ForceOff")
            ? [act("power", "ForceOff")]
            : [],
      };
    case "GracefulRestart":
      if (off) return nothingToActOn();
      if (down) return halted();
      return {
        outcome: "steps",
        steps: [...graceful(capabilities), { kind: "revive" }],
        escalation: input.escalate ? required(restart(capabilities)) : [],
      };
    default:
      return action satisfies never;
  }
}

/**
 * The rung that brings back a host that was told to restart and has stopped. A cycle does so whatever the supply turns
 * out to be, where it is not known or about to go.
 */
export function reviveStep(
  capabilities: Capabilities,
  seen: { readonly supply: Supply; readonly wake?: Wake | undefined },
): ActStep {
  if (seen.supply === "Off" || seen.supply === "PoweringOn") return act("power", "On", true);
  const waking = seen.supply === "On" ? wakingStep(capabilities, seen.wake) : undefined;
  if (waking) return { ...waking, owed: true };
  return act("power", has(capabilities, "power", "PowerCycle") ? "PowerCycle" : "On", true);
}

function wakeLadder({ capabilities, wake }: LadderInput): Ladder {
  const cycle = has(capabilities, "power", "PowerCycle");
  const wayOut = cycle ? "PowerCycle starts it" : "its supply cannot be cycled, so somebody has to";
  switch (wake) {
    case "button": {
      const waking = wakingStep(capabilities, wake);
      if (waking) return steps([waking]);
      return rejected("needs-cycle", `the host has halted and no power button is wired; ${wayOut}`);
    }
    case "supply-cycle":
      if (cycle) return steps([act("power", "PowerCycle")]);
      return rejected("needs-cycle", `the host has halted on a live supply; ${wayOut}`);
    case "wol": {
      const waking = wakingStep(capabilities, wake);
      if (waking) return steps([waking]);
      return rejected(
        "needs-cycle",
        `the host has halted and nothing is declared that sends it a magic packet; ${wayOut}`,
      );
    }
    case undefined:
      return rejected(
        "needs-cycle",
        `the host has halted on a live supply and has no way to be woken; ${wayOut}`,
      );
    default:
      return wake satisfies never;
  }
}

/** What wakes a halted host without touching its supply. */
function wakingStep(capabilities: Capabilities, wake: Wake | undefined): ActStep | undefined {
  if (wake === "button") return press(capabilities);
  return wake === "wol" && has(capabilities, "button", "Wake") ? act("button", "Wake") : undefined;
}

/**
 * How much of the graceful limit a host has to obey whatever asks it, before the kernel is told at its console. It is
 * most of it, because services that are being stopped in order must not be cut short, and a kernel obeys at once or never.
 */
const HOST_PART = 0.75;

/** How those before the console share what it leaves, by how many they are. Binary fractions, so that sums are exact. */
const SHARES: Readonly<Record<number, readonly number[]>> = {
  1: [1],
  2: [0.5, 0.5],
  3: [0.5, 0.25, 0.25],
};

/** What asks a host to stop, gentlest first, each followed by its wait. The next comes only where the host stays up. */
function graceful(capabilities: Capabilities): Step[] {
  const asks = asksOf(capabilities);
  const parts = partsOf(asks);
  return asks.flatMap((ask, at): Step[] => {
    const part = parts[at];
    return [ask, part === undefined ? { kind: "await-halt" } : { kind: "await-halt", part }];
  });
}

/**
 * Every way to ask: the button, the device's own (ACPI, a BMC), a program on the host, then the kernel by Magic SysRq.
 * A supply that can do both asks by its own: what it presses is the same ACPI button.
 */
function asksOf(capabilities: Capabilities): ActStep[] {
  const told = (["power", "button", "console"] as const)
    .filter((kind) => has(capabilities, kind, "GracefulShutdown"))
    .map((kind) => act(kind, "GracefulShutdown"));
  const button = press(capabilities);
  const isAsked = button?.interface === "power" && told[0]?.interface === "power";
  return button && !isAsked ? [button, ...told] : told;
}

/**
 * The wait after each ask, which together are the limit. The kernel at the console has the rest that {@link HOST_PART}
 * leaves.
 */
function partsOf(asks: readonly ActStep[]): (number | undefined)[] {
  if (asks.length === 1) return [undefined];
  const byConsole = asks.at(-1)?.interface === "console";
  const others = byConsole ? asks.length - 1 : asks.length;
  const shares = SHARES[others] ?? [];
  const whole = byConsole ? HOST_PART : 1;
  return [...shares.map((share) => share * whole), ...(byConsole ? [1 - HOST_PART] : [])];
}

function canAsk(capabilities: Capabilities): boolean {
  return asksOf(capabilities).length > 0;
}

/** The button, or a supply that can press one natively. */
function press(capabilities: Capabilities): ActStep | undefined {
  for (const kind of ["button", "power"] as const) {
    if (has(capabilities, kind, "PushPowerButton")) return act(kind, "PushPowerButton");
  }
  return undefined;
}

/** The reset line, a supply that resets natively, or a cycle of the supply. */
function restart(capabilities: Capabilities): ActStep[] | undefined {
  for (const kind of ["reset", "power"] as const) {
    if (has(capabilities, kind, "ForceRestart")) return [act(kind, "ForceRestart")];
  }
  return has(capabilities, "power", "PowerCycle") ? [act("power", "PowerCycle")] : undefined;
}

function has(capabilities: Capabilities, kind: InterfaceKind, action: EndpointAction): boolean {
  return capabilities[kind]?.includes(action) ?? false;
}

function act(kind: InterfaceKind, action: EndpointAction, owed = false): ActStep {
  return { kind: "act", interface: kind, action, owed };
}

function steps(list: readonly Step[]): Ladder {
  return { outcome: "steps", steps: list, escalation: [] };
}

function rejected(reasonCode: ReasonCode, detail: string): Ladder {
  return { outcome: "rejected", reasonCode, detail };
}

function nothingToActOn(): Ladder {
  return rejected(
    "supply-off",
    "the supply is off, so there is nothing to act on; On starts the node",
  );
}

function halted(): Ladder {
  return rejected(
    "host-halted",
    "the host has already halted, so it cannot be asked to restart; On or PowerCycle starts it",
  );
}

function required<T>(value: T | undefined): T {
  if (value === undefined)
    throw new TypeError("a supported action has no rung: supportedActions and the table disagree");
  return value;
}
