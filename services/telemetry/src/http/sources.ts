import type {
  AlarmRecords,
  AlarmsAsked,
  EventsAsked,
  LoggedEvents,
  NodeSensors,
} from "@outrider/contracts/telemetry-pages";
import type { Store } from "../store/store.js";
import type { LiveParts } from "./live.js";

/** What the sensors and heartbeats of nodes last said. */
export interface LatestSource {
  /** With ages as they are now; empty lists for a node that never said anything. */
  latest(node: string): NodeSensors;
}

/** What happened, as it is kept. */
export interface EventSource {
  /** Newest first. @throws StorageError; the signal's reason */
  events(asked: EventsAsked, signal: AbortSignal): Promise<LoggedEvents>;
}

/** Alarms that stand, and those that stood. */
export interface AlarmSource {
  /** Newest first. @throws StorageError; the signal's reason */
  alarms(asked: AlarmsAsked, signal: AbortSignal): Promise<AlarmRecords>;
}

/** Where the pages take from what they show. */
export interface TelemetrySources extends LiveParts {
  readonly latest: LatestSource;
  readonly store: Pick<Store, "range">;
  readonly events: EventSource;
  readonly alarms: AlarmSource;
}
