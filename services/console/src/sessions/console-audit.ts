import type { AuditEntry } from "@outrider/audit/audit-entry";
import type { ConsoleAct } from "@outrider/contracts/audit";
import type { ConsoleWay } from "@outrider/contracts/console";
import type { Via } from "@outrider/contracts/power";
import type { Visitor } from "./attachment.js";

/** Who does something at a console, as records name them. */
export type Actor = Pick<Visitor, "actor" | "way" | "from" | "via">;

const VIA_OF: Readonly<Record<ConsoleWay, Via>> = {
  cli: "cli",
  web: "web",
  ssh: "ssh",
  telnet: "cli",
  raw: "cli",
  rfc2217: "cli",
  script: "rest",
  rule: "policy",
};

export function viaOf({ way, via }: Actor): Via {
  return via ?? VIA_OF[way];
}

/** A record of something done, or to be done, at a node's console. */
export function auditEntry(
  { actor, way, from, via }: Actor,
  act: ConsoleAct,
  node: string,
  rest: Pick<AuditEntry, "stage" | "reason" | "data"> = {},
): AuditEntry {
  return {
    actor,
    via: viaOf({ actor, way, via }),
    act: `console.${act}`,
    subject: node,
    ...rest,
    data: { way, ...(from === undefined ? {} : { from }), ...rest.data },
  };
}
