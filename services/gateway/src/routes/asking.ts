import type { Operation } from "@outrider/contracts/service-plane";
import { HttpProblem } from "../http/problem.js";
import type { Call } from "../http/route.js";
import type { GatewayParts } from "../parts.js";

/**
 * Asks a service on behalf of whoever calls. One that is known not to be there is not waited for.
 * @throws RequestError as the service says; HttpProblem 503
 */
export async function asking<Request extends object, Reply extends object>(
  { requests, mirror }: Pick<GatewayParts, "requests" | "mirror">,
  { actor, via, signal }: Pick<Call, "actor" | "via" | "signal">,
  operation: Operation<Request, Reply>,
  body: NoInfer<Request>,
  withinMs = 10_000,
): Promise<Reply> {
  const { service } = operation;
  const state = mirror.service(service)?.status?.state;
  if (state === "ready" || state === "degraded") {
    return requests.ask(operation, body, { actor, via, signal, withinMs });
  }
  throw new HttpProblem(
    "unavailable",
    `the ${service} service is ${state ?? "not there"}; check that it runs, then ask again`,
  );
}
