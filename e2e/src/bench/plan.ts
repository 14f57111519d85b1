import type { BrokersPlan } from "./brokers.js";
import type { CommandPathPlan } from "./command-path.js";
import type { FrozenReaderPlan } from "./frozen-reader.js";
import type { PartsPlan } from "./parts.js";

/** How much is measured. Everything is bounded in number and time. */
export interface Plan {
  readonly commandPath: CommandPathPlan;
  readonly brokers: BrokersPlan;
  readonly frozenReader: FrozenReaderPlan;
  readonly parts: PartsPlan;
}

export const FULL: Plan = {
  commandPath: { rounds: 4, burstsAtOnce: { 1: 30, 50: 8 } },
  brokers: { rounds: 4, messages: 20_000, idleClients: 5000 },
  frozenReader: { publishers: 150, spanMs: 12_000 },
  parts: { rounds: 9 },
};

export const QUICK: Plan = {
  commandPath: { rounds: 2, burstsAtOnce: { 1: 15, 50: 3 } },
  brokers: { rounds: 1, messages: 5000, idleClients: 500 },
  frozenReader: { publishers: 150, spanMs: 3000 },
  parts: { rounds: 2 },
};
