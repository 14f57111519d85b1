import type { DesiredEndpoint } from "@outrider/contracts/agent";
import type { Clock } from "@outrider/contracts/clock";
import { endpointId, nodeId } from "@outrider/contracts/ids";
import { silentLog, type Log } from "@outrider/messaging/log";
import type { EndpointMemory } from "../command-record.js";
import type { Activity } from "../endpoint.js";
import type { Journal, MemoryPatch, StoredEvent } from "../journal.js";
import { logWith } from "../log.js";
import { PowerEndpoint } from "../power-endpoint.js";
import { StartGate } from "../start-gate.js";
import { noPrograms } from "./no-programs.js";
import { noSecrets } from "./no-secrets.js";
import type { ModelDevice } from "./model-device.js";

/** What an endpoint has recorded. */
export interface Recorded {
  readonly patches: MemoryPatch[];
  readonly events: StoredEvent[];
  /** What it logged, but for what is of use to developers only. */
  readonly logged: { readonly level: "info" | "warn" | "error"; readonly fields: object }[];
}

/** An open endpoint over a device in memory that records in memory, too. */
export function modelEndpoint(
  device: ModelDevice,
  clock: Clock,
  memory?: EndpointMemory,
  desired: Partial<DesiredEndpoint> = {},
): { endpoint: PowerEndpoint; recorded: Recorded } {
  const recorded: Recorded = { patches: [], events: [], logged: [] };
  const { logged } = recorded;
  const log: Log = {
    ...silentLog,
    info: (fields) => void logged.push({ level: "info", fields }),
    warn: (fields) => void logged.push({ level: "warn", fields }),
    error: (fields) => void logged.push({ level: "error", fields }),
  };
  const journal: Pick<Journal, "remember" | "recordStep"> = {
    recordStep: async () => {},
    remember: async (_, patch, events) => {
      recorded.patches.push(patch);
      recorded.events.push(...(events ?? []));
    },
  };
  return { endpoint: openEndpoint(device, clock, journal, desired, memory, log), recorded };
}

/** An open endpoint over a device in memory. */
export function openEndpoint(
  device: ModelDevice,
  clock: Clock,
  journal: Pick<Journal, "remember" | "recordStep">,
  desired: Partial<DesiredEndpoint> = {},
  memory?: EndpointMemory,
  log = silentLog,
): PowerEndpoint {
  const endpoint = new PowerEndpoint(
    {
      desired: {
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
      secrets: noSecrets,
      programs: noPrograms,
      clock,
      log: logWith(log, {}),
      journal,
    },
    {
      gate: new StartGate(clock),
      guardian: { attend: () => {}, seen: () => {}, measured: () => {} },
      reporter: { observe: () => {} },
      bootId: undefined,
      overtakes: () => {},
      defect: (error) => {
        throw error;
      },
    },
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
