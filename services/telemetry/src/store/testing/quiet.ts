import { systemClock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import type { StoreDeps } from "../store-config.js";

export const QUIET: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export const DEPS: StoreDeps = { clock: systemClock, log: QUIET };
