import type { DesiredEndpoint } from "@outrider/contracts/agent";
import type { Clock } from "@outrider/contracts/clock";
import { endpointId, nodeId } from "@outrider/contracts/ids";
import { silentLog } from "@outrider/messaging/log";
import type { EndpointMemory } from "../command-record.js";
import { Endpoint, type Activity } from "../endpoint.js";
import type { Journal, MemoryPatch, StoredEvent } from "../journal.js";
import { logWith } from "../log.js";
import { StartGate } from "../start-gate.js";
import type { ModelDevice } from "./model-device.js";

/** What an endpoint has recorded. */
export interface Recorded {
  readonly patches: MemoryPatch[];
  readonly events: StoredEvent[];
}

/** An open endpoint over a device in memory that records in memory, too. */
export function modelEndpoint(
  device: ModelDevice,
  clock: Clock,
  memory?: EndpointMemory,
  desired: Partial<DesiredEndpoint> = {},
): { endpoint: Endpoint; recorded: Recorded } {
  const recorded: Recorded = { patches: [], events: [] };
  const journal: Pick<Journal, "remember"> = {
    remember: async (_, patch, events) => {
      recorded.patches.push(patch);
      recorded.events.push(...(events ?? []));
    },
  };
  return { endpoint: openEndpoint(device, clock, journal, desired, memory), recorded };
}

/** An open endpoint over a device in memory. */
export function openEndpoint(
  device: ModelDevice,
  clock: Clock,
  journal: Pick<Journal, "remember">,
  desired: Partial<DesiredEndpoint> = {},
  memory?: EndpointMemory,
): Endpoint {
  const endpoint = new Endpoint(
    {
      endpoint: endpointId("n1", "power"),
      node: nodeId("n1"),
      port: "power",
      driver: "model",
      options: {},
      restore: "None",
      dwellMs: 1000,
      sampleEveryMs: 1000,
      staleAfterMs: 10_000,
      ...desired,
    },
    memory,
    clock,
    logWith(silentLog, {}),
    journal,
    new StartGate(clock),
  );
  Object.assign(endpoint, {
    port: device,
    failure: undefined,
    actions: ["On", "ForceOff", "PowerCycle"],
  });
  return endpoint;
}

export function activityOf(interruptible: boolean): Activity {
  return { what: "a test", interruptible, controller: new AbortController() };
}
