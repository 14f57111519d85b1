import type { Observation } from "@outrider/contracts/agent";
import type { ConsoleStage, ConsoleState } from "@outrider/contracts/console";
import type { NodeId } from "@outrider/contracts/ids";
import type { Evidence, Host } from "@outrider/contracts/power";

/** What a host does, and how that is known. */
export interface HostSeen {
  readonly value: Host;
  readonly evidence: Evidence;
  readonly since: string;
  readonly observedAt: string;
  readonly staleAfterMs: number;
}

/** What a stage says of the host. A firmware that waits, or a kernel that has panicked, neither runs nor has halted. */
const HOSTS: Readonly<Record<ConsoleStage, Host>> = {
  unknown: "Unknown",
  firmware: "Unknown",
  "boot-loader": "Unknown",
  kernel: "Running",
  init: "Running",
  login: "Running",
  halted: "Halted",
  panic: "Unknown",
};

/**
 * What a console shows of its host, while its bytes come. Pure. Undefined: nothing that could be relied on, as what was
 * shown before the supply came on: it was another run of the machine.
 * @param supply as last seen; undefined where the node has none that is driven
 */
export function hostByConsole(
  { link, stage, observedAt, staleAfterMs }: ConsoleState,
  supply: Pick<Observation, "supply" | "supplySince"> | undefined,
): HostSeen | undefined {
  const value = HOSTS[stage.value];
  if (link.value !== "Up" || value === "Unknown") return undefined;
  if (supply && supply.supply !== "On") return undefined;
  if (supply && Date.parse(stage.since) <= Date.parse(supply.supplySince)) return undefined;
  return { value, evidence: "Console", since: stage.since, observedAt, staleAfterMs };
}

/** What consoles showed last. */
export class ConsoleEvidence {
  readonly #seen = new Map<NodeId, { readonly state: ConsoleState; readonly observedMs: number }>();

  /** @param ageMs how old it was when it was received */
  see(node: NodeId, state: ConsoleState | undefined, receivedMs: number, ageMs: number): void {
    if (state) this.#seen.set(node, { state, observedMs: receivedMs - ageMs });
    else this.#seen.delete(node);
  }

  /** What the console of a node shows of its host now, unless that is stale. */
  host(
    node: NodeId,
    nowMs: number,
    supply: Pick<Observation, "supply" | "supplySince"> | undefined,
  ): HostSeen | undefined {
    const seen = this.#seen.get(node);
    if (!seen || nowMs - seen.observedMs > seen.state.staleAfterMs) return undefined;
    return hostByConsole(seen.state, supply);
  }
}
