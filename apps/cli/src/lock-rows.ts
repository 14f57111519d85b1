import type { Lock } from "@outrider/contracts/lock";
import { ageText, agoText, type Columns } from "./output.js";

/** Locks with who holds them and how long still. */
export const LOCK_COLUMNS: Columns<Lock> = {
  things: "locks",
  head: ["LOCK", "STATE", "NODES", "HOLDER", "PRIORITY", "AGE", "LEFT", "REASON"],
  name: ({ id }) => id,
  row: ({ id, state, nodes, holder, priority, askedAt, until, position, reason }) => [
    id,
    state === "Queued" && position !== undefined ? queuedText(position) : state,
    nodes,
    holder,
    String(priority),
    agoText(askedAt, new Date()),
    state === "Held" && until !== undefined ? ageText(Date.parse(until) - Date.now()) : "-",
    reason ?? "",
  ],
};

function queuedText(before: number): string {
  return before === 0 ? "Queued, first in line" : `Queued behind ${before}`;
}
