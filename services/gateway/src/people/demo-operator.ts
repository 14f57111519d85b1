import { ROLE_RIGHTS } from "@outrider/contracts/identity";
import type { Subject } from "@outrider/identity/subject";

const LOOPBACK = new Set(["127.0.0.1", "::1", "::ffff:127.0.0.1"]);

/** Whoever is on this machine, in the demonstration. */
export const DEMO_OPERATOR: Subject = {
  kind: "anonymous",
  name: "anonymous",
  role: "operator",
  rights: ROLE_RIGHTS.operator,
};

export function isLoopback(address: string): boolean {
  return LOOPBACK.has(address);
}
