import { anchorPath } from "@outrider/audit/anchor-file";
import { AuditLog } from "@outrider/audit/audit-log";
import {
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from "@nestjs/common";
import { seconds, type Clock } from "@outrider/contracts/clock";
import { AgentRequestClient } from "@outrider/messaging/agent-request-client";
import type { ClockBeacon } from "@outrider/messaging/clock-beacon";
import type { Log } from "@outrider/messaging/log";
import { Session } from "@outrider/messaging/session";
import { BEACON, CLOCK, LOG } from "@outrider/service-kit/tokens";
import { powerState } from "@outrider/contracts/power";
import type { Storage } from "@outrider/storage/storage";
import { Agents } from "./agents.js";
import { AuditTrail } from "./audit-trail.js";
import { CommandRequests } from "./command-requests.js";
import { Draws } from "./draws.js";
import { Identify } from "./identify.js";
import { Intake } from "./intake.js";
import { Interlocks } from "./interlocks.js";
import { Journal } from "./journal.js";
import { Locks } from "./locks.js";
import { Memory } from "./memory.js";
import { Nodes } from "./nodes.js";
import { Pacing } from "./pacing.js";
import { Policies } from "./policies.js";
import { Results } from "./results.js";
import { Runs } from "./runs.js";
import { Stalls } from "./stalls.js";
import { States } from "./states.js";
import { TransitionLifecycle, transitionProviders } from "./transitions/transition-providers.js";

/** By then inventory's descriptions have arrived, and states of nodes that it does not name are leftovers. */
const SETTLE_AFTER = seconds(5);

/** Begins with the first message, and follows the connection. */
class Lifecycle implements OnModuleInit, OnApplicationShutdown {
  private readonly stopped = new AbortController();

  constructor(
    private readonly session: Session,
    private readonly clock: Clock,
    private readonly nodes: Nodes,
    private readonly runs: Runs,
    private readonly states: States,
    private readonly stalls: Stalls,
    private readonly memory: Memory,
    private readonly pacing: Pacing,
    private readonly audit: AuditLog,
    private readonly transitions: TransitionLifecycle,
    private readonly storage: Storage,
  ) {}

  async onModuleInit(): Promise<void> {
    // After the runs: what these know of a task's command decides what becomes of it.
    await this.transitions.start();
    this.states.start((node) => this.runs.last(node));
    this.session.own(powerState);
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
    this.pacing.stop();
    await this.memory.stop();
    await this.audit.close();
    await this.storage.close();
  }
}

export interface PowerParts {
  /** With the tables of the power service and of its audit log. */
  readonly storage: Storage;
  /** Where the head of the audit log is noted. */
  readonly dataDirectory: string;
  /** Called when the process cannot go on. */
  readonly defect: (error: unknown) => void;
  /** Networks that webhooks may reach although they would be refused. */
  readonly webhookNetworks: readonly (readonly [string, number])[];
  /** The folder that programs of hooks have to lie in; undefined: they may lie anywhere. */
  readonly hookDirectory: string | undefined;
}

@Module({})
export class PowerModule {
  static with(parts: PowerParts): DynamicModule {
    const { storage, dataDirectory, defect, webhookNetworks, hookDirectory } = parts;
    return {
      module: PowerModule,
      providers: [
        Nodes,
        Policies,
        Locks,
        Interlocks,
        Intake,
        CommandRequests,
        Identify,
        {
          provide: AgentRequestClient,
          inject: [Session, BEACON, CLOCK],
          useFactory: (session: Session, beacon: ClockBeacon, clock: Clock) =>
            new AgentRequestClient(session, "power", beacon, clock),
        },
        ...transitionProviders({ storage, defect, webhookNetworks, hookDirectory }),
        Agents,
        States,
        { provide: Stalls, inject: [CLOCK], useFactory: (clock: Clock) => new Stalls(clock) },
        {
          provide: AuditLog,
          inject: [CLOCK, LOG],
          useFactory: (clock: Clock, log: Log) =>
            AuditLog.open({
              storage,
              log: "power",
              clock,
              anchor: anchorPath(dataDirectory, "power"),
              problem: (what, error) => log.error({ err: error }, what),
            }),
        },
        {
          provide: AuditTrail,
          inject: [AuditLog, CLOCK, LOG],
          useFactory: (audit: AuditLog, clock: Clock, log: Log) =>
            new AuditTrail({ audit, clock, log }),
        },
        {
          provide: Journal,
          inject: [AuditTrail],
          useFactory: (trail: AuditTrail) => new Journal(storage, trail),
        },
        {
          provide: Results,
          inject: [Session, CLOCK, LOG],
          useFactory: (session: Session, clock: Clock, log: Log) =>
            new Results(session, clock, log),
        },
        {
          provide: Draws,
          inject: [Policies, LOG],
          useFactory: (policies: Policies, log: Log) =>
            new Draws(policies, (node, watts, limitWatts) =>
              log.warn(
                { node, watts, limitWatts },
                "a meter shows more than its node can draw; the reading is not counted: check the meter, or mend the declared draw or the wattBudget",
              ),
            ),
        },
        {
          provide: Pacing,
          inject: [CLOCK, Policies, Draws, Nodes],
          useFactory: (clock: Clock, policies: Policies, draws: Draws, nodes: Nodes) =>
            new Pacing({
              clock,
              policies,
              draws,
              offSinceMs: (node) => nodes.offSinceMs(node, clock.monotonicMs()),
            }),
        },
        {
          provide: Memory,
          inject: [CLOCK, LOG, Policies, Locks, Draws],
          useFactory: (clock: Clock, log: Log, policies: Policies, locks: Locks, draws: Draws) =>
            new Memory({ storage, clock, log, policies, locks, draws }),
        },
        {
          provide: Runs,
          inject: [
            Session,
            BEACON,
            CLOCK,
            LOG,
            Journal,
            Nodes,
            Results,
            States,
            Locks,
            Interlocks,
            Pacing,
            AuditTrail,
            Memory,
          ],
          useFactory: async (
            session: Session,
            beacon: ClockBeacon,
            clock: Clock,
            log: Log,
            journal: Journal,
            nodes: Nodes,
            results: Results,
            states: States,
            locks: Locks,
            interlocks: Interlocks,
            starts: Pacing,
            trail: AuditTrail,
            memory: Memory,
          ) => {
            // What a former process left is taken up before anybody can ask for anything, transitions included.
            await memory.load();
            const runs = new Runs({
              session,
              beacon,
              clock,
              log,
              journal,
              nodes,
              results,
              locks,
              interlocks,
              starts,
              trail,
              defect,
              changed: (node) => states.publish(node),
            });
            await runs.load();
            return runs;
          },
        },
        {
          provide: Lifecycle,
          inject: [
            Session,
            CLOCK,
            Nodes,
            Runs,
            States,
            Stalls,
            Memory,
            Pacing,
            AuditLog,
            TransitionLifecycle,
          ],
          useFactory: (
            session: Session,
            clock: Clock,
            nodes: Nodes,
            runs: Runs,
            states: States,
            stalls: Stalls,
            memory: Memory,
            pacing: Pacing,
            audit: AuditLog,
            transitions: TransitionLifecycle,
          ) =>
            new Lifecycle(
              session,
              clock,
              nodes,
              runs,
              states,
              stalls,
              memory,
              pacing,
              audit,
              transitions,
              storage,
            ),
        },
      ],
    };
  }
}
