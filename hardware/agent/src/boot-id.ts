import { readFileSync } from "node:fs";
import type { AgentLog } from "./log.js";

/** The present boot of this host. Undefined when it is not known: no boot can then be told from a restart. */
export function readBootId(file: string, log: AgentLog): string | undefined {
  try {
    return readFileSync(file, "utf8").trim() || undefined;
  } catch (error) {
    log.warn(
      { err: error, file },
      "the boot of this host is not known; restore policies wait for a loss",
    );
    return undefined;
  }
}
