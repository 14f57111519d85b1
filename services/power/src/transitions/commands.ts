import type { Runs } from "../runs.js";

/** What transitions need of the commands on nodes. */
export type Commands = Pick<Runs, "ask" | "find" | "last" | "cancelWaiting" | "onEnded">;
