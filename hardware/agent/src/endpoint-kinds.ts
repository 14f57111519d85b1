import type { EndpointKinds } from "./bindings.js";
import { BootEndpoint } from "./boot-endpoint.js";
import type { Consoles } from "./console/consoles.js";
import { IdentifyEndpoint } from "./identify-endpoint.js";
import { ButtonEndpoint, ResetEndpoint } from "./line-endpoint.js";
import { PowerEndpoint, type PowerParts } from "./power-endpoint.js";
import type { Readings } from "./sampling/readings.js";
import { HeartbeatEndpoint, SensorEndpoint } from "./sampling/sampled-endpoint.js";

/** What endpoints of any kind are made of, beside what each has of its own. */
export interface KindParts extends PowerParts {
  readonly readings: Pick<Readings, "take">;
  readonly consoles: Pick<Consoles, "endpoint">;
}

/** Every kind of endpoint that an agent knows. */
export function endpointKinds(parts: KindParts): EndpointKinds {
  const { gate, consoles } = parts;
  return {
    power: (own) => new PowerEndpoint(own, parts),
    reset: (own) => new ResetEndpoint(own, parts),
    button: (own) => new ButtonEndpoint(own, parts),
    boot: (own) => new BootEndpoint(own),
    console: (own) => consoles.endpoint(own, gate),
    identify: (own) => new IdentifyEndpoint(own),
    sensor: (own) => new SensorEndpoint(own, parts),
    heartbeat: (own) => new HeartbeatEndpoint(own, parts),
  };
}
