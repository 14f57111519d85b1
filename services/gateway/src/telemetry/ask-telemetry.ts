import type { Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";
import { askDocument } from "../routes/service-listener.js";

/**
 * Asks the telemetry service for a page of its listener.
 * @returns its text, which is JSON
 * @throws HttpProblem as the service says; 404 without such a service, 503 when it is not there, 504 when it is slow
 */
export function askTelemetry(
  page: "latest" | "readings" | "measurements" | "events" | "alarms",
  asked: object,
  { signal, actor }: Pick<Call, "signal" | "actor">,
  parts: Pick<GatewayParts, "mirror">,
): Promise<string> {
  return askDocument(parts, "telemetry", {
    method: "POST",
    path: `/${page}`,
    headers: { "content-type": "application/json", "outrider-actor": actor },
    body: JSON.stringify(asked),
    signal,
  });
}
