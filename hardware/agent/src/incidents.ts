import type { Incident } from "@outrider/contracts/agent";
import { timestamp, type Clock } from "@outrider/contracts/clock";
import type { EndpointId } from "@outrider/contracts/ids";
import type { StoredEvent } from "./journal.js";

/** An event about something that the agent saw or did without a command. */
export function incident(
  clock: Clock,
  endpoint: EndpointId,
  kind: Incident["kind"],
  detail: string,
): StoredEvent {
  return { at: timestamp(clock), incident: { endpoint, kind, detail: detail.slice(0, 1000) } };
}
