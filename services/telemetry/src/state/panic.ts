import type { ConsoleStageState } from "@outrider/contracts/console";
import type { Evidence, Host, Supply } from "@outrider/contracts/power";

/** What is known of a node's power, as far as it holds. */
export interface PowerSeen {
  readonly supply: Supply;
  /** When the supply became what it is; RFC 3339. */
  readonly supplySince?: string | undefined;
  readonly host: Host;
  readonly hostEvidence?: Evidence | undefined;
  /** What is wrong, as the device says it. */
  readonly problem?: string | undefined;
}

const BY_CONSOLE = "its console shows a kernel panic; its last words are in the console log";

/**
 * Why a machine is to be taken for one that died and not for one that was halted; undefined: it is not. A device that
 * tells a panicked host from a halted one calls it halted and says what is wrong beside. Pure.
 */
export function panicOf(
  power: PowerSeen | undefined,
  stage: ConsoleStageState | undefined,
): string | undefined {
  if (power?.supply === "Off") return undefined;
  // By its console a host is halted for no reason that a device could give.
  if (power?.host === "Halted" && power.hostEvidence !== "Console" && power.problem !== undefined)
    return power.problem;
  return stage?.value === "panic" && !isOfBefore(power, stage) ? BY_CONSOLE : undefined;
}

/** Whether what a console showed last was another run of the machine: its supply is off, or came on afterwards. */
export function isOfBefore(
  power: PowerSeen | undefined,
  stage: Pick<ConsoleStageState, "since">,
): boolean {
  if (power?.supply === "Off") return true;
  const { supply, supplySince } = power ?? {};
  if (supply !== "On" || supplySince === undefined) return false;
  return Date.parse(stage.since) <= Date.parse(supplySince);
}
