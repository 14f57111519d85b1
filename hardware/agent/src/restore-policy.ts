import type { RestorePolicy } from "@outrider/contracts/agent";
import type { Supply } from "@outrider/contracts/power";

/** A supply as it was commanded or steadily seen. */
export type SteadySupply = "On" | "Off";

/** What gives a restore policy its one occasion. */
export type RestoreOccasion =
  /** The agent's host has booted since the endpoint was last looked after. */
  | "boot"
  /** The supply went off, and nobody had commanded that. */
  | "loss";

/** The supply as a policy takes it. Undefined: in motion or not known; look again. */
export function steady(supply: Supply): SteadySupply | undefined {
  return supply === "On" || supply === "Off" ? supply : undefined;
}

/** What is to be done about a supply, once. Undefined: nothing. */
export function restoreTo(
  policy: RestorePolicy,
  occasion: RestoreOccasion,
  supply: SteadySupply,
  commanded: SteadySupply | undefined,
): SteadySupply | undefined {
  const wanted = wantedBy(policy, commanded);
  if (wanted === supply) return undefined;
  // A supply that is lost is off; to leave it there needs nothing.
  return occasion === "loss" && wanted === "Off" ? undefined : wanted;
}

function wantedBy(
  policy: RestorePolicy,
  commanded: SteadySupply | undefined,
): SteadySupply | undefined {
  switch (policy) {
    case "None":
      return undefined;
    case "AlwaysOn":
      return "On";
    case "AlwaysOff":
      return "Off";
    case "Restore":
      return commanded;
    default:
      return policy satisfies never;
  }
}

/**
 * Whether a supply that is now seen was lost without a command. Never while a command or an automatic act owns it,
 * and never when off is what was last commanded: a device that obeys late has not lost anything.
 */
export function isLoss(
  seen: SteadySupply | undefined,
  now: Supply,
  commanded: SteadySupply | undefined,
): boolean {
  return seen === "On" && now === "Off" && commanded !== "Off";
}

/**
 * Whether the host has booted since the endpoint was last looked after. An endpoint that was never looked after is
 * new: nothing of it can be restored.
 */
export function hasBooted(
  memory: { readonly bootId?: string | undefined } | undefined,
  bootId: string | undefined,
): boolean {
  return memory?.bootId !== undefined && bootId !== undefined && memory.bootId !== bootId;
}
