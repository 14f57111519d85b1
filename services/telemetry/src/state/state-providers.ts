import type { Provider } from "@nestjs/common";
import type { Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import { Session } from "@outrider/messaging/session";
import { CLOCK, LOG } from "@outrider/service-kit/tokens";
import { EventLog } from "../events/event-log.js";
import { PointWriter } from "../intake/point-writer.js";
import { TelemetryListeners } from "../telemetry-listener.js";
import { AlarmHealth } from "./alarm-health.js";
import { Latest } from "./latest.js";
import { Management } from "./management.js";
import { NodeStates } from "./node-states.js";
import { Publication } from "./publication.js";
import { StateIntake } from "./state-intake.js";

/** What says how nodes are, and what their sensors say. */
export function stateProviders(): Provider[] {
  return [
    AlarmHealth,
    Management,
    { provide: Latest, inject: [CLOCK], useFactory: (clock: Clock) => new Latest(clock) },
    {
      provide: NodeStates,
      inject: [
        Session,
        CLOCK,
        Latest,
        Management,
        AlarmHealth,
        TelemetryListeners,
        PointWriter,
        EventLog,
      ],
      useFactory: (
        session: Session,
        clock: Clock,
        latest: Latest,
        management: Management,
        alarms: AlarmHealth,
        listeners: TelemetryListeners,
        writer: PointWriter,
        events: EventLog,
      ) => {
        const states = new NodeStates({
          session,
          clock,
          latest,
          management,
          alarms,
          livenessChanged: (node, liveness) => listeners.livenessChanged(node, liveness),
          powerExpired: (node, left) => listeners.powerExpired(node, left),
          happened: (happened) => void events.happened(happened),
          store: (points) => writer.put(points),
        });
        listeners.add(states);
        return states;
      },
    },
    {
      provide: Publication,
      inject: [Session, CLOCK, LOG, Latest, TelemetryListeners],
      useFactory: (
        session: Session,
        clock: Clock,
        log: Log,
        latest: Latest,
        listeners: TelemetryListeners,
      ) => {
        const publication = new Publication({
          session,
          clock,
          log,
          latest,
          expired: (node, sensor) => listeners.sensorExpired(node, sensor),
        });
        listeners.add(publication);
        return publication;
      },
    },
    {
      provide: StateIntake,
      inject: [Management, NodeStates],
      useFactory: (management: Management, states: NodeStates) =>
        new StateIntake(management, states),
    },
  ];
}
