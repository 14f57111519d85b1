import type { Operation } from "@outrider/contracts/service-plane";
import type { Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";

/**
 * Asks a service on behalf of whoever calls.
 * @throws RequestError as the service says
 */
export function asking<Request extends object, Reply extends object>(
  { requests }: Pick<GatewayParts, "requests">,
  { actor, via, signal }: Pick<Call, "actor" | "via" | "signal">,
  operation: Operation<Request, Reply>,
  body: NoInfer<Request>,
  withinMs = 10_000,
): Promise<Reply> {
  return requests.ask(operation, body, { actor, via, signal, withinMs });
}
