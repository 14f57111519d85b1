import * as agent from "./agent.js";
import * as agentRequest from "./agent-request.js";
import * as console from "./console.js";
import type { AnyContract } from "./contract.js";
import * as fleet from "./fleet.js";
import * as identify from "./identify.js";
import * as lock from "./lock.js";
import * as node from "./node.js";
import * as power from "./power.js";
import * as readingReport from "./reading-report.js";
import * as servicePlane from "./service-plane.js";
import * as service from "./service.js";
import * as telemetry from "./telemetry.js";
import * as telemetryPolicy from "./telemetry-policy.js";

function contractsOf(module: object): AnyContract[] {
  return Object.values(module).filter(
    (one): one is AnyContract =>
      typeof one === "object" && one !== null && "template" in one && "payload" in one,
  );
}

/**
 * Every contract there is, by template. The ACL, the topic reference and the schemas are made from this list.
 * Sorted, as the order of a module's exports is the loader's business.
 */
export const CATALOG: readonly AnyContract[] = [
  service,
  servicePlane,
  node,
  fleet,
  lock,
  power,
  identify,
  console,
  agent,
  agentRequest,
  readingReport,
  telemetry,
  telemetryPolicy,
]
  .flatMap(contractsOf)
  .toSorted((one, other) => (one.template < other.template ? -1 : 1));
