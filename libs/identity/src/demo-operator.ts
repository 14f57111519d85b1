import { ROLE_RIGHTS } from "@outrider/contracts/identity";
import { ANONYMOUS } from "./names.js";
import type { Subject } from "./subject.js";

const LOOPBACK = new Set(["127.0.0.1", "::1", "::ffff:127.0.0.1"]);

/** Whoever is on this machine, in the demonstration. */
export const DEMO_OPERATOR: Subject = {
  kind: "anonymous",
  name: ANONYMOUS,
  role: "operator",
  rights: ROLE_RIGHTS.operator,
};

/** Whether somebody comes from this machine, by the address of their end of the connection. */
export function isThisMachine(address: string): boolean {
  return LOOPBACK.has(address);
}
