import type { Provider } from "@nestjs/common";
import { AuditLog } from "@outrider/audit/audit-log";
import { seconds, type Clock } from "@outrider/contracts/clock";
import { telemetryPolicy, type TelemetryPolicy } from "@outrider/contracts/telemetry-policy";
import { check } from "@outrider/contracts/codec";
import type { Log } from "@outrider/messaging/log";
import { RequestClient } from "@outrider/messaging/request-client";
import { Session } from "@outrider/messaging/session";
import type { AddressPolicy } from "@outrider/service-kit/outbound/address-policy";
import type { ServiceSecrets } from "@outrider/service-kit/outbound/service-secrets";
import { CLOCK, LOG } from "@outrider/service-kit/tokens";
import type { Storage } from "@outrider/storage/storage";
import { isStorageError } from "@outrider/storage/storage-error";
import { fromJson, toJson } from "@outrider/storage/values";
import { CatchUp } from "../events/catch-up.js";
import { EventLog } from "../events/event-log.js";
import { EventSources } from "../events/event-sources.js";
import { PointWriter } from "../intake/point-writer.js";
import { Notifier } from "../notify/notifier.js";
import { Senders } from "../notify/senders.js";
import { AlarmHealth } from "../state/alarm-health.js";
import type { Store } from "../store/store.js";
import { TelemetryListeners } from "../telemetry-listener.js";
import { AlarmBook } from "./alarm-book.js";
import { AlarmEngine } from "./alarm-engine.js";
import { AlarmIntake } from "./alarm-intake.js";
import { DomainDraws } from "./domain-draws.js";
import { Ledger } from "./ledger.js";

const TICK = seconds(1);

export interface AlarmParts {
  readonly storage: Storage;
  readonly store: Pick<Store, "health">;
  /** Which addresses notifications may reach. */
  readonly addresses: AddressPolicy;
  readonly secrets: ServiceSecrets;
  readonly defect: (error: unknown) => void;
}

/** Begins before the first message, and ends with the last. */
export class AlarmLifecycle {
  #stopTicking: (() => void) | undefined;

  constructor(
    private readonly parts: {
      readonly clock: Clock;
      readonly storage: Storage;
      readonly store: Pick<Store, "health">;
      readonly ledger: Ledger;
      readonly events: EventLog;
      readonly catchUp: CatchUp;
      readonly book: AlarmBook;
      readonly engine: AlarmEngine;
      readonly draws: DomainDraws;
      readonly notifier: Notifier;
      readonly governed: (policy: TelemetryPolicy) => void;
    },
  ) {}

  /** @throws StorageError */
  async start(): Promise<void> {
    const { clock, storage, store, events, book, engine, draws, notifier, governed } = this.parts;
    await events.start();
    await this.parts.catchUp.start();
    await book.start();
    engine.restore(book.standing);
    await notifier.start();
    // What held last holds until somebody says otherwise.
    const kept = await storage.get<{ policy: string }>(
      "SELECT policy FROM telemetry_policies WHERE name = 'last'",
    );
    if (kept) {
      const read = check(telemetryPolicy.payload, fromJson(kept.policy), false);
      if (read.ok) {
        engine.govern(read.value);
        governed(read.value);
      }
    }
    book.onChange((alarm) => notifier.changed(alarm));
    draws.start();
    this.#stopTicking = clock.every(TICK, () => {
      engine.store(store.health());
      engine.delivery(notifier.problems());
      engine.tick();
    });
  }

  async stop(): Promise<void> {
    const { ledger, events, catchUp, book, draws, notifier } = this.parts;
    this.#stopTicking?.();
    catchUp.stop();
    draws.stop();
    book.stop();
    await notifier.stop();
    events.stop();
    await ledger.stop();
  }
}

/** Alarms, events and notifications, and who hears what they are made of. */
export function alarmProviders(parts: AlarmParts): Provider[] {
  const { storage, store, addresses, secrets, defect } = parts;
  return [
    {
      provide: Ledger,
      inject: [CLOCK, LOG],
      useFactory: (clock: Clock, log: Log) => new Ledger({ storage, clock, log, defect }),
    },
    {
      provide: EventLog,
      inject: [Session, CLOCK, Ledger, PointWriter],
      useFactory: (session: Session, clock: Clock, ledger: Ledger, writer: PointWriter) =>
        new EventLog({ storage, ledger, session, clock, put: (points) => writer.put(points) }),
    },
    {
      provide: EventSources,
      inject: [EventLog, TelemetryListeners],
      useFactory: (events: EventLog, listeners: TelemetryListeners) => {
        const sources = new EventSources(events);
        listeners.add(sources);
        return sources;
      },
    },
    {
      provide: CatchUp,
      inject: [Session, CLOCK, LOG, EventLog],
      useFactory: (session: Session, clock: Clock, log: Log, events: EventLog) => {
        const asking = new RequestClient(session, "telemetry", clock);
        const catchUp = new CatchUp({ events, clock, log, asking, defect });
        session.onDisconnect(() => catchUp.disconnected());
        return catchUp;
      },
    },
    {
      provide: AlarmBook,
      inject: [Session, CLOCK, Ledger, EventLog, AlarmHealth, PointWriter],
      useFactory: (
        session: Session,
        clock: Clock,
        ledger: Ledger,
        events: EventLog,
        health: AlarmHealth,
        writer: PointWriter,
      ) =>
        new AlarmBook({
          storage,
          ledger,
          events,
          session,
          clock,
          health,
          put: (points) => writer.put(points),
        }),
    },
    {
      provide: AlarmEngine,
      inject: [CLOCK, AlarmBook],
      useFactory: (clock: Clock, book: AlarmBook) => new AlarmEngine(clock, book),
    },
    {
      provide: DomainDraws,
      inject: [CLOCK, AlarmEngine, PointWriter, TelemetryListeners],
      useFactory: (
        clock: Clock,
        engine: AlarmEngine,
        writer: PointWriter,
        listeners: TelemetryListeners,
      ) => {
        const draws = new DomainDraws({
          clock,
          draw: (draw) => engine.draw(draw),
          domains: (domains) => engine.domains(domains),
          put: (points) => writer.put(points),
        });
        listeners.add(draws);
        return draws;
      },
    },
    {
      provide: Notifier,
      inject: [CLOCK, Ledger, EventLog, AlarmBook],
      useFactory: (clock: Clock, ledger: Ledger, events: EventLog, book: AlarmBook) =>
        new Notifier({
          storage,
          ledger,
          clock,
          senders: new Senders({ clock, policy: addresses, secrets }),
          happened: (happened) => void events.happened(happened),
          standing: () => book.standing,
          bySeq: (seq) => book.bySeq(seq),
        }),
    },
    {
      provide: AlarmIntake,
      inject: [Session, AlarmEngine, AlarmBook, AuditLog, Notifier, Ledger, TelemetryListeners],
      useFactory: (
        session: Session,
        engine: AlarmEngine,
        book: AlarmBook,
        audit: AuditLog,
        notifier: Notifier,
        ledger: Ledger,
        listeners: TelemetryListeners,
      ) => {
        const intake = new AlarmIntake(engine, book, audit, (policy) => {
          void ledger.put([
            {
              sql: `INSERT INTO telemetry_policies (name, policy) VALUES ('last', ?)
                ON CONFLICT (name) DO UPDATE SET policy = excluded.policy`,
              params: [toJson(policy)],
            },
          ]);
          govern(notifier, policy, defect);
        });
        listeners.add(intake);
        session.onBorn(() => engine.connected());
        session.onDisconnect(() => engine.disconnected());
        return intake;
      },
    },
    {
      provide: AlarmLifecycle,
      inject: [CLOCK, Ledger, EventLog, CatchUp, AlarmBook, AlarmEngine, DomainDraws, Notifier],
      useFactory: (
        clock: Clock,
        ledger: Ledger,
        events: EventLog,
        catchUp: CatchUp,
        book: AlarmBook,
        engine: AlarmEngine,
        draws: DomainDraws,
        notifier: Notifier,
      ) =>
        new AlarmLifecycle({
          clock,
          storage,
          store,
          ledger,
          events,
          catchUp,
          book,
          engine,
          draws,
          notifier,
          governed: (policy) => govern(notifier, policy, defect),
        }),
    },
  ];
}

function govern(
  notifier: Notifier,
  { site, notifications }: TelemetryPolicy,
  defect: (error: unknown) => void,
): void {
  notifier.govern(site, notifications).catch((error: unknown) => {
    // What is over and was told is compared again at the next start.
    if (!isStorageError(error)) defect(error);
  });
}
