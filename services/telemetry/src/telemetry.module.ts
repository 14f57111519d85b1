import { anchorPath } from "@outrider/audit/anchor-file";
import { AuditLog } from "@outrider/audit/audit-log";
import {
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from "@nestjs/common";
import { seconds, type Clock } from "@outrider/contracts/clock";
import { nodeStatus } from "@outrider/contracts/node";
import type { Log } from "@outrider/messaging/log";
import { Session } from "@outrider/messaging/session";
import type { Health } from "@outrider/service-kit/health";
import type { HttpHandler } from "@outrider/service-kit/listener";
import type { Metrics } from "@outrider/service-kit/metrics";
import { CLOCK, HEALTH, LOG, METRICS } from "@outrider/service-kit/tokens";
import type { Storage } from "@outrider/storage/storage";
import { AlarmBook } from "./alarms/alarm-book.js";
import { AlarmLifecycle, alarmProviders, type AlarmParts } from "./alarms/alarm-providers.js";
import { AuditRequests } from "./audit-requests.js";
import { Declared } from "./declared.js";
import { EventLog } from "./events/event-log.js";
import { LiveChanges } from "./http/live.js";
import { telemetryPages } from "./http/pages.js";
import { measureIntake } from "./intake/counts.js";
import { Intake } from "./intake/intake.js";
import { PointWriter } from "./intake/point-writer.js";
import { RememberedSpools } from "./intake/remembered-spools.js";
import { Latest } from "./state/latest.js";
import { Management } from "./state/management.js";
import { NodeStates } from "./state/node-states.js";
import { Publication } from "./state/publication.js";
import { redeclaring } from "./state/redeclaring.js";
import { stateProviders } from "./state/state-providers.js";
import { SystemPoints } from "./state/system-points.js";
import type { Store } from "./store/store.js";
import { TelemetryListeners } from "./telemetry-listener.js";
import { measureTelemetry } from "./telemetry-metrics.js";

/** By then inventory's descriptions have arrived, and what is published of nodes that it does not name is left over. */
const SETTLE_AFTER = seconds(5);

export interface TelemetryParts {
  /** With the tables of the telemetry service and of its audit log. */
  readonly storage: Storage;
  /** Where what is measured is kept. */
  readonly store: Store;
  readonly dataDirectory: string;
  /** What notifications may reach, and the secrets that they need. */
  readonly outbound: Pick<AlarmParts, "addresses" | "secrets">;
  /** Called when the process cannot go on. */
  readonly defect: (error: unknown) => void;
}

/** What the service's own listener answers. */
export class Pages {
  constructor(readonly handler: HttpHandler) {}
}

/** Begins with the first message, and follows the connection. */
class Lifecycle implements OnModuleInit, OnApplicationShutdown {
  readonly #stopped = new AbortController();

  constructor(
    private readonly parts: {
      readonly session: Session;
      readonly clock: Clock;
      readonly intake: Intake;
      readonly remembered: RememberedSpools;
      readonly writer: PointWriter;
      readonly management: Management;
      readonly states: NodeStates;
      readonly publication: Publication;
      readonly system: SystemPoints;
      readonly alarms: AlarmLifecycle;
      readonly audit: AuditLog;
      readonly storage: Storage;
    },
  ) {}

  async onModuleInit(): Promise<void> {
    const { session, clock, intake, management, states, publication, system, alarms } = this.parts;
    await intake.load();
    await alarms.start();
    session.own(nodeStatus);
    session.onBorn(() => {
      void clock.sleep(SETTLE_AFTER, this.#stopped.signal).then(
        () => session.settleOwned(),
        () => undefined,
      );
    });
    session.onDisconnect(() => management.forgetSessions());
    states.start();
    publication.start();
    system.start();
  }

  async onApplicationShutdown(): Promise<void> {
    const { states, publication, system, alarms, writer, remembered, audit, storage } = this.parts;
    this.#stopped.abort();
    states.stop();
    publication.stop();
    system.stop();
    await alarms.stop();
    await writer.stop();
    await remembered.stop();
    await audit.close();
    await storage.close();
  }
}

@Module({})
export class TelemetryModule {
  static with({ storage, store, dataDirectory, outbound, defect }: TelemetryParts): DynamicModule {
    return {
      module: TelemetryModule,
      providers: [
        Declared,
        ...alarmProviders({ storage, store, ...outbound, defect }),
        AuditRequests,
        TelemetryListeners,
        {
          provide: AuditLog,
          inject: [CLOCK, LOG],
          useFactory: (clock: Clock, log: Log) =>
            AuditLog.open({
              storage,
              log: "telemetry",
              clock,
              anchor: anchorPath(dataDirectory, "telemetry"),
              problem: (what, error) => log.error({ err: error }, what),
            }),
        },
        {
          provide: PointWriter,
          inject: [CLOCK, LOG],
          useFactory: (clock: Clock, log: Log) => new PointWriter({ store, clock, log, defect }),
        },
        {
          provide: RememberedSpools,
          inject: [CLOCK, LOG],
          useFactory: (clock: Clock, log: Log) => new RememberedSpools(storage, clock, log, defect),
        },
        ...stateProviders(),
        {
          provide: Intake,
          inject: [
            Session,
            CLOCK,
            LOG,
            Declared,
            Latest,
            TelemetryListeners,
            PointWriter,
            RememberedSpools,
            METRICS,
            HEALTH,
            Publication,
          ],
          useFactory: (
            session: Session,
            clock: Clock,
            log: Log,
            declared: Declared,
            latest: Latest,
            listeners: TelemetryListeners,
            writer: PointWriter,
            remembered: RememberedSpools,
            metrics: Metrics,
            health: Health,
            publication: Publication,
          ) => {
            const intake = new Intake({
              session,
              clock,
              log,
              declared,
              latest,
              listeners,
              writer,
              remembered,
              counts: measureIntake(metrics, writer),
              redeclared: redeclaring({ latest, declared, listeners, publication }),
            });
            health.add(() => intake.problems());
            health.add(() => problemsOf(store));
            return intake;
          },
        },
        {
          provide: SystemPoints,
          inject: [CLOCK, PointWriter, Intake],
          useFactory: (clock: Clock, writer: PointWriter, intake: Intake) =>
            new SystemPoints({
              clock,
              put: (points) => writer.put(points),
              offsets: () => intake.offsets(),
              health: () => store.health(),
            }),
        },
        {
          provide: Pages,
          inject: [Latest, EventLog, AlarmBook, Intake, METRICS, TelemetryListeners, CLOCK],
          useFactory: (
            latest: Latest,
            events: EventLog,
            alarms: AlarmBook,
            intake: Intake,
            metrics: Metrics,
            listeners: TelemetryListeners,
            clock: Clock,
          ) => {
            const changes = new LiveChanges();
            listeners.add(changes);
            events.onAppended(() => changes.logged());
            measureTelemetry(metrics, {
              store,
              offsets: () => intake.offsets(),
              standing: () => alarms.standing,
            });
            const sources = { latest, store, events, alarms, changes, clock };
            return new Pages(telemetryPages(sources, defect));
          },
        },
        {
          provide: Lifecycle,
          inject: [
            Session,
            CLOCK,
            Intake,
            RememberedSpools,
            PointWriter,
            Management,
            NodeStates,
            Publication,
            SystemPoints,
            AlarmLifecycle,
            AuditLog,
          ],
          useFactory: (
            session: Session,
            clock: Clock,
            intake: Intake,
            remembered: RememberedSpools,
            writer: PointWriter,
            management: Management,
            states: NodeStates,
            publication: Publication,
            system: SystemPoints,
            alarms: AlarmLifecycle,
            audit: AuditLog,
          ) =>
            new Lifecycle({
              session,
              clock,
              intake,
              remembered,
              writer,
              management,
              states,
              publication,
              system,
              alarms,
              audit,
              storage,
            }),
        },
      ],
    };
  }
}

function* problemsOf(store: Store): Generator<string> {
  const { state, detail } = store.health();
  if (state === "degraded") yield detail ?? "the store of what is measured has a problem";
}
