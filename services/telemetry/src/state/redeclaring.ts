import type { NodeId } from "@outrider/contracts/ids";
import type { Declared } from "../declared.js";
import type { TelemetryListener } from "../telemetry-listener.js";
import type { Latest } from "./latest.js";
import type { Publication } from "./publication.js";

/** Makes what is called when nodes have other sensors than before: what is none any more says nothing of now. */
export function redeclaring({
  latest,
  declared,
  listeners,
  publication,
}: {
  readonly latest: Latest;
  readonly declared: Pick<Declared, "of">;
  readonly listeners: Required<Pick<TelemetryListener, "sensorExpired" | "sensorGone">>;
  readonly publication: Pick<Publication, "forget" | "forgetSensor">;
}): (nodes: ReadonlySet<NodeId>) => void {
  return (nodes) => {
    for (const node of nodes) {
      for (const sensor of latest.prune(node, declared)) {
        publication.forgetSensor(node, sensor);
        listeners.sensorExpired(node, sensor);
        listeners.sensorGone(node, sensor);
      }
      if (latest.sensors(node).size === 0) publication.forget(node);
    }
  };
}
