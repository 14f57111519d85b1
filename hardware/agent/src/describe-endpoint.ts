import type { DescribedEndpoint } from "@outrider/contracts/agent";
import type { Endpoint } from "./endpoint.js";

/** What the agent's description says of one endpoint. */
export function describeEndpoint(endpoint: Endpoint): DescribedEndpoint {
  const { desired, failure, notice, actions, memory, traits } = endpoint;
  return {
    endpoint: desired.endpoint,
    node: desired.node,
    port: desired.port,
    driver: desired.driver,
    state: failure === undefined ? "bound" : "failed",
    actions: [...actions],
    ...reasonOf(failure ?? notice),
    ...(memory.fault === undefined ? {} : { fault: memory.fault }),
    ...traits,
  };
}

function reasonOf(reason: string | undefined): { readonly reason?: string } {
  return reason === undefined ? {} : { reason: reason.slice(0, 1000) };
}
