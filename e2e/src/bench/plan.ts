import type { AgentSizePlan } from "./agent-size.js";
import type { BrokersPlan } from "./brokers.js";
import type { CommandPathPlan } from "./command-path.js";
import type { PeersPlan } from "./fleet-peers.js";
import type { ConsolesPlan } from "./consoles.js";
import type { FrozenReaderPlan } from "./frozen-reader.js";
import type { SizePlan } from "./one-process.js";
import type { PartsPlan } from "./parts.js";
import type { PoePlan } from "./poe.js";
import type { ReadingsPlan } from "./readings.js";
import type { RestPlan } from "./rest-commands.js";
import type { StoresPlan } from "./telemetry-stores.js";
import type { SensorSweepPlan } from "./sensor-sweep.js";
import type { TransitionPlan } from "./transition.js";

/** How much is measured. Everything is bounded in number and time. */
export interface Plan {
  readonly commandPath: CommandPathPlan;
  readonly brokers: BrokersPlan;
  readonly frozenReader: FrozenReaderPlan;
  readonly transition: TransitionPlan;
  readonly rest: RestPlan;
  readonly peers: PeersPlan;
  readonly consoles: ConsolesPlan;
  readonly size: SizePlan;
  readonly parts: PartsPlan;
  readonly sensorSweep: SensorSweepPlan;
  readonly poe: PoePlan;
  readonly agentSize: AgentSizePlan;
  readonly readings: ReadingsPlan;
  readonly stores: StoresPlan;
}

export const FULL: Plan = {
  commandPath: { rounds: 4, burstsAtOnce: { 1: 30, 50: 8 } },
  brokers: { rounds: 4, messages: 20_000, idleClients: 5000 },
  frozenReader: { publishers: 150, spanMs: 12_000 },
  transition: { nodes: 1000, domains: 50, startSpacingMs: 500 },
  rest: { bursts: { 1: 40, 50: 10, 500: 4 }, bulkRounds: 3 },
  peers: { slots: 100, rounds: 3 },
  consoles: {
    rounds: 3,
    lines: 48,
    keys: { one: 300, each: 20 },
    spanMs: 8000,
    searchGib: 10,
    attaches: 20,
  },
  size: { nodes: [1000, 10_000], settleMs: 10_000, looks: 4 },
  parts: { rounds: 9 },
  sensorSweep: { chips: 64, sweeps: 40 },
  poe: { rounds: 9 },
  stores: { nodes: 100, hours: 24, queries: 15, values: 3_000_000 },
  readings: { rounds: 3, agents: 20, floodMs: 20_000, pacedMs: 60_000 },
  agentSize: { nodes: 48, settleMs: 10_000, spanMs: 20_000 },
};

export const QUICK: Plan = {
  commandPath: { rounds: 2, burstsAtOnce: { 1: 15, 50: 3 } },
  brokers: { rounds: 1, messages: 5000, idleClients: 500 },
  frozenReader: { publishers: 150, spanMs: 3000 },
  transition: { nodes: 200, domains: 20, startSpacingMs: 300 },
  rest: { bursts: { 1: 15, 50: 4, 200: 2 }, bulkRounds: 2 },
  peers: { slots: 20, rounds: 1 },
  consoles: {
    rounds: 1,
    lines: 48,
    keys: { one: 100, each: 6 },
    spanMs: 3000,
    searchGib: 1,
    attaches: 5,
  },
  size: { nodes: [1000], settleMs: 5000, looks: 2 },
  parts: { rounds: 2 },
  sensorSweep: { chips: 64, sweeps: 10 },
  poe: { rounds: 2 },
  stores: { nodes: 100, hours: 6, queries: 5, values: 600_000 },
  readings: { rounds: 1, agents: 20, floodMs: 5000, pacedMs: 10_000 },
  agentSize: { nodes: 48, settleMs: 3000, spanMs: 5000 },
};
