import type { CommandReport, EndpointAction } from "@outrider/contracts/agent";
import type { CommandId, EndpointId, NodeId } from "@outrider/contracts/ids";
import type { Via } from "@outrider/contracts/power";
import type { SteadySupply } from "./restore-policy.js";
import type { Draw } from "./start-plan.js";

/**
 * How far a command has come; always written before it is done.
 *
 * - `acting`: the device is asked. A cycle: to take the supply away
 * - `dwelling`: a cycle's supply was read back as off
 * - `on`: a cycle's supply is being switched on
 * - `ended`
 */
export const COMMAND_STEPS = ["acting", "dwelling", "on", "ended"] as const;
export type CommandStep = (typeof COMMAND_STEPS)[number];

/** An accepted command as the journal has it. */
export interface CommandRecord {
  readonly id: CommandId;
  readonly node: NodeId;
  readonly endpoint: EndpointId;
  readonly action: EndpointAction;
  readonly actor: string;
  readonly via: Via;
  readonly reason: string | undefined;
  readonly epoch: string;
  readonly step: CommandStep;
  readonly acceptedAt: string;
  /** The terminal report, once there is one. */
  readonly outcome: CommandReport | undefined;
}

/** What is remembered of an endpoint across restarts. */
export interface EndpointMemory {
  /** The last commanded supply; a cycle commands `On`. */
  readonly commanded?: SteadySupply | undefined;
  /** The last supply that was steadily seen. */
  readonly seen?: SteadySupply | undefined;
  /** The boot of the host for which the restore policy had its occasion. */
  readonly bootId?: string | undefined;
  /** Automatic power-on attempts that count. */
  readonly attempts: number;
  /** Set while they are exhausted. */
  readonly fault?: string | undefined;
  /**
   * Why an `On` is still owed: to finish a cycle, or by the restore policy. `late-cycle`: only if the supply goes off
   * yet, since a cycle was asked for and nothing was seen of it.
   */
  readonly owed?: "cycle" | "late-cycle" | "restore" | undefined;
  /** The most that was measured, in watts. */
  readonly runningWatts?: number | undefined;
  /** The same while it started. */
  readonly startingWatts?: number | undefined;
}

export const NO_MEMORY: EndpointMemory = { attempts: 0 };

/** What was measured of an endpoint's draw. */
export function measuredDraw({ runningWatts, startingWatts }: EndpointMemory): Partial<Draw> {
  return {
    ...(runningWatts === undefined ? {} : { runningWatts }),
    ...(startingWatts === undefined ? {} : { startingWatts }),
  };
}

/** What is said about a command that runs. */
export function acceptedReport(
  record: Pick<CommandRecord, "id" | "endpoint" | "action" | "acceptedAt">,
): CommandReport {
  const { id, endpoint, action, acceptedAt } = record;
  return { id, endpoint, action, status: "Accepted", terminal: false, startedAt: acceptedAt };
}
