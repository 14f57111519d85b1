import type { Proof } from "@outrider/contracts/reading";
import type { Heartbeat } from "@outrider/ports/heartbeat-port";

/** What one reading of a heartbeat says to a person. Silence proves nothing; what was said instead stands for itself. */
export function heartbeatWords(
  { alive, tookMs, detail }: Pick<Heartbeat, "alive" | "tookMs" | "detail">,
  proves: Proof,
): string {
  const heard = detail === undefined ? "" : ` ${detail.trim().replace(/[.\s]*$/, "")}.`;
  if (alive) {
    const took = tookMs === undefined ? "" : ` after ${tookMs} ms`;
    return `It answered${took}.${heard} That proves ${proves}.`;
  }
  return heard === ""
    ? "Nothing was heard in time. That proves nothing: the node may be off, or the way to it is cut."
    : `It did not answer as it should.${heard}`;
}
