import type { AgentId, NodeId } from "@outrider/contracts/ids";
import type { NodeStatus } from "@outrider/contracts/node";
import type { Host, Supply } from "@outrider/contracts/power";
import type { Absence, Quantity } from "@outrider/contracts/reading";
import type { HeartbeatReading } from "@outrider/contracts/reading-report";

/** What is common to all that was read of a node. */
interface Taken {
  readonly node: NodeId;
  readonly agent: AgentId;
  /** When it was taken, in milliseconds since 1970 UTC, whatever the agent's calendar says. */
  readonly atMs: number;
  /** The same by our monotonic clock. */
  readonly takenMs: number;
  /** When it is too old to be relied on. */
  readonly staleAfterMs: number;
  readonly problem?: string | undefined;
}

/** What a sensor gave: of each quantity its value, or why there is none. */
export interface SensorTaken extends Taken {
  readonly sensor: string;
  readonly values: Readonly<Partial<Record<Quantity, number>>>;
  readonly absent: Readonly<Partial<Record<Quantity, Absence>>>;
}

export interface HeartbeatTaken extends Taken {
  readonly heartbeat: string;
  readonly look: HeartbeatReading;
}

/** What is still known of a node's power. */
export interface PowerLeft {
  readonly supply: Supply;
  readonly host: Host;
  readonly fault: string | undefined;
  /** Why something is not known, or what is wrong beside, as was said last. */
  readonly problem?: string | undefined;
}

/** Readings of an agent that are lost; times are its own. */
export interface DroppedReadings {
  readonly readings: number;
  /** RFC 3339. */
  readonly since: string;
  readonly until: string;
  /** Why they cannot be read; missing: the agent had no room for more. These are the two kinds of loss. */
  readonly why?: string;
}

/**
 * Somebody who wants to know what is read and what follows from it. Called in the order of times of each endpoint, once
 * for each reading that is of now: what is late is in the store only. Nothing may be thrown.
 */
export interface TelemetryListener {
  sensorRead?(reading: SensorTaken): void;
  /** The newest reading of a sensor has become too old, or the sensor is none any more. */
  sensorExpired?(node: NodeId, sensor: string): void;
  /** After that: the sensor is none any more. */
  sensorGone?(node: NodeId, sensor: string): void;
  heartbeatRead?(reading: HeartbeatTaken): void;
  livenessChanged?(node: NodeId, liveness: NodeStatus["liveness"]): void;
  /** Of what the power service has said of a node, something does not hold any more. */
  powerExpired?(node: NodeId, left: PowerLeft): void;
  /** How far an agent's calendar is ahead of ours, in seconds; 0 within the tolerance. */
  clockSeen?(agent: AgentId, offsetSeconds: number): void;
  /** Inventory has said what an agent is to have. @param hasDuties whether that is anything at all */
  agentDeclared?(agent: AgentId, hasDuties: boolean): void;
  /** An agent could not keep readings until they were stored, or nobody can read them. */
  readingsLost?(agent: AgentId, lost: DroppedReadings): void;
}

/** Tells all listeners. */
export class TelemetryListeners implements Required<TelemetryListener> {
  readonly #listeners: TelemetryListener[] = [];

  add(listener: TelemetryListener): void {
    this.#listeners.push(listener);
  }

  sensorRead(reading: SensorTaken): void {
    for (const one of this.#listeners) one.sensorRead?.(reading);
  }

  sensorExpired(node: NodeId, sensor: string): void {
    for (const one of this.#listeners) one.sensorExpired?.(node, sensor);
  }

  sensorGone(node: NodeId, sensor: string): void {
    for (const one of this.#listeners) one.sensorGone?.(node, sensor);
  }

  heartbeatRead(reading: HeartbeatTaken): void {
    for (const one of this.#listeners) one.heartbeatRead?.(reading);
  }

  livenessChanged(node: NodeId, liveness: NodeStatus["liveness"]): void {
    for (const one of this.#listeners) one.livenessChanged?.(node, liveness);
  }

  powerExpired(node: NodeId, left: PowerLeft): void {
    for (const one of this.#listeners) one.powerExpired?.(node, left);
  }

  clockSeen(agent: AgentId, offsetSeconds: number): void {
    for (const one of this.#listeners) one.clockSeen?.(agent, offsetSeconds);
  }

  agentDeclared(agent: AgentId, hasDuties: boolean): void {
    for (const one of this.#listeners) one.agentDeclared?.(agent, hasDuties);
  }

  readingsLost(agent: AgentId, lost: DroppedReadings): void {
    for (const one of this.#listeners) one.readingsLost?.(agent, lost);
  }
}
