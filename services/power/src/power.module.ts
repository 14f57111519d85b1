import {
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from "@nestjs/common";
import { seconds, type Clock } from "@outrider/contracts/clock";
import type { ClockBeacon } from "@outrider/messaging/clock-beacon";
import type { Log } from "@outrider/messaging/log";
import { Session } from "@outrider/messaging/session";
import { BEACON, CLOCK, LOG } from "@outrider/service-kit/tokens";
import { powerState } from "@outrider/contracts/power";
import { nodeStatus } from "@outrider/contracts/node";
import type { Storage } from "@outrider/storage/storage";
import { Agents } from "./agents.js";
import { Intake } from "./intake.js";
import { Interlocks } from "./interlocks.js";
import { Journal } from "./journal.js";
import { Locks } from "./locks.js";
import { Nodes } from "./nodes.js";
import { Policies } from "./policies.js";
import { Results } from "./results.js";
import { Runs } from "./runs.js";
import { Stalls } from "./stalls.js";
import { States } from "./states.js";

/** By then inventory's descriptions have arrived, and states of nodes that it does not name are leftovers. */
const SETTLE_AFTER = seconds(5);

/** Loads what a former process left before the first message, and follows the connection. */
class Lifecycle implements OnModuleInit, OnApplicationShutdown {
  private readonly stopped = new AbortController();

  constructor(
    private readonly session: Session,
    private readonly clock: Clock,
    private readonly nodes: Nodes,
    private readonly runs: Runs,
    private readonly states: States,
    private readonly stalls: Stalls,
    private readonly storage: Storage,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.runs.load();
    this.states.start((node) => this.runs.last(node));
    this.session.own(powerState);
    this.session.own(nodeStatus);
    this.session.onConnect(() => this.stalls.connected());
    this.session.onBorn(async () => {
      await this.runs.connected();
      void this.clock.sleep(SETTLE_AFTER, this.stopped.signal).then(
        () => this.session.settleOwned(),
        () => undefined,
      );
    });
    this.session.onDisconnect(() => {
      this.nodes.forgetSessions();
      this.runs.disconnected();
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped.abort();
    this.stalls.stop();
    this.states.stop();
    await this.runs.stop();
    await this.storage.close();
  }
}

@Module({})
export class PowerModule {
  /** @param defect called when the process cannot go on */
  static with(storage: Storage, defect: (error: unknown) => void): DynamicModule {
    return {
      module: PowerModule,
      providers: [
        Nodes,
        Policies,
        Locks,
        Intake,
        Agents,
        States,
        { provide: Stalls, inject: [CLOCK], useFactory: (clock: Clock) => new Stalls(clock) },
        { provide: Journal, useValue: new Journal(storage) },
        {
          provide: Results,
          inject: [Session, CLOCK, LOG],
          useFactory: (session: Session, clock: Clock, log: Log) =>
            new Results(session, clock, log),
        },
        {
          provide: Runs,
          inject: [Session, BEACON, CLOCK, LOG, Journal, Nodes, Results, States, Policies, Locks],
          useFactory: (
            session: Session,
            beacon: ClockBeacon,
            clock: Clock,
            log: Log,
            journal: Journal,
            nodes: Nodes,
            results: Results,
            states: States,
            policies: Policies,
            locks: Locks,
          ) => {
            const interlocks: Interlocks = new Interlocks({
              nodes,
              policies,
              nowMs: () => clock.monotonicMs(),
              goesDown: (node) => runs.goesDown(node),
            });
            const runs: Runs = new Runs({
              session,
              beacon,
              clock,
              log,
              journal,
              nodes,
              results,
              locks,
              interlocks,
              starts: {
                request: () => undefined,
                hold: () => {},
                ended: () => {},
                withdraw: () => {},
                refusal: () => undefined,
              },
              defect,
              changed: (node) => states.publish(node),
            });
            return runs;
          },
        },
        { provide: Interlocks, inject: [Runs], useFactory: (runs: Runs) => runs.interlocks },
        {
          provide: Lifecycle,
          inject: [Session, CLOCK, Nodes, Runs, States, Stalls],
          useFactory: (
            session: Session,
            clock: Clock,
            nodes: Nodes,
            runs: Runs,
            states: States,
            stalls: Stalls,
          ) => new Lifecycle(session, clock, nodes, runs, states, stalls, storage),
        },
      ],
    };
  }
}
