import type { CommandPathPlan } from "./command-path.js";

/** How much is measured. Everything is bounded in number and time. */
export interface Plan {
  readonly commandPath: CommandPathPlan;
}

export const FULL: Plan = {
  commandPath: { rounds: 5, burstsAtOnce: { 1: 30, 50: 8 } },
};

export const QUICK: Plan = {
  commandPath: { rounds: 2, burstsAtOnce: { 1: 15, 50: 3 } },
};
