import { AuditLog } from "@outrider/audit/audit-log";
import type { OnModuleDestroy, Provider } from "@nestjs/common";
import type { Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import { Session } from "@outrider/messaging/session";
import { CLOCK, LOG } from "@outrider/service-kit/tokens";
import type { Storage } from "@outrider/storage/storage";
import { AddressPolicy } from "@outrider/service-kit/outbound/address-policy";
import { Hooks } from "../hooks/hooks.js";
import { Interlocks } from "../interlocks.js";
import { Locks } from "../locks.js";
import { Nodes } from "../nodes.js";
import { Pacing } from "../pacing.js";
import { Policies } from "../policies.js";
import { Runs } from "../runs.js";
import type { PlanView } from "./transition-plan.js";
import type { Order } from "./task.js";
import { TransitionNews } from "./transition-news.js";
import { TransitionRequests } from "./transition-requests.js";
import { TransitionStore } from "./transition-store.js";
import { TransitionTrail } from "./transition-trail.js";
import { Transitions } from "./transitions.js";
import { WorldView } from "./world-view.js";

/** Takes up what a former process left, and follows the connection. */
export class TransitionLifecycle implements OnModuleDestroy {
  constructor(
    private readonly session: Session,
    private readonly transitions: Transitions,
    private readonly news: TransitionNews,
  ) {}

  /** Once the runs are loaded, and before the first message. */
  async start(): Promise<void> {
    await this.transitions.load();
    this.session.onBorn(() => {
      this.news.connected();
      this.transitions.connected();
    });
    this.session.onDisconnect(() => this.transitions.disconnected());
  }

  /** Before the storage is closed. */
  async onModuleDestroy(): Promise<void> {
    await this.transitions.stop();
  }
}

export interface TransitionOptions {
  readonly storage: Storage;
  /** Called when the process cannot go on. */
  readonly defect: (error: unknown) => void;
  /** Networks that webhooks may reach although they would be refused. */
  readonly webhookNetworks: readonly (readonly [string, number])[];
  /** The folder that programs of hooks have to lie in; undefined: they may lie anywhere. */
  readonly hookDirectory: string | undefined;
}

/** The part of the power service that carries transitions. */
export function transitionProviders(options: TransitionOptions): Provider[] {
  const { storage, defect, webhookNetworks, hookDirectory } = options;
  const store = new TransitionStore(storage);
  return [
    {
      provide: TransitionNews,
      inject: [Session, CLOCK, LOG],
      useFactory: (session: Session, clock: Clock, log: Log) =>
        new TransitionNews(session, clock, log),
    },
    {
      provide: TransitionTrail,
      inject: [AuditLog],
      useFactory: (audit: AuditLog) => new TransitionTrail(audit),
    },
    {
      provide: WorldView,
      inject: [CLOCK, Nodes, Policies, Interlocks, Runs],
      useFactory: (
        clock: Clock,
        nodes: Nodes,
        policies: Policies,
        interlocks: Interlocks,
        runs: Runs,
      ) => new WorldView({ clock, nodes, policies, interlocks, last: (node) => runs.last(node) }),
    },
    {
      provide: Transitions,
      inject: [Runs, WorldView, TransitionNews, TransitionTrail, CLOCK, LOG],
      useFactory: (
        commands: Runs,
        world: WorldView,
        news: TransitionNews,
        trail: TransitionTrail,
        clock: Clock,
        log: Log,
      ) => {
        const hooks = new Hooks({
          clock,
          policy: new AddressPolicy(webhookNetworks),
          hookDirectory,
        });
        return new Transitions({ store, commands, world, hooks, news, trail, clock, log, defect });
      },
    },
    {
      provide: TransitionRequests,
      inject: [
        Transitions,
        TransitionTrail,
        Nodes,
        CLOCK,
        Policies,
        Interlocks,
        Locks,
        Runs,
        WorldView,
        Pacing,
      ],
      useFactory: (
        transitions: Transitions,
        trail: TransitionTrail,
        nodes: Nodes,
        clock: Clock,
        policies: Policies,
        interlocks: Interlocks,
        locks: Locks,
        runs: Runs,
        world: WorldView,
        pacing: Pacing,
      ) =>
        new TransitionRequests({
          transitions,
          store,
          trail,
          nodes,
          clock,
          planView: (order) =>
            planView(order, { nodes, clock, policies, interlocks, locks, runs, world, pacing }),
        }),
    },
    {
      provide: TransitionLifecycle,
      inject: [Session, Transitions, TransitionNews],
      useFactory: (session: Session, transitions: Transitions, news: TransitionNews) =>
        new TransitionLifecycle(session, transitions, news),
    },
  ];
}

interface PlanParts {
  readonly nodes: Nodes;
  readonly clock: Clock;
  readonly policies: Policies;
  readonly interlocks: Interlocks;
  readonly locks: Locks;
  readonly runs: Runs;
  readonly world: WorldView;
  readonly pacing: Pacing;
}

function planView({ action, actor, lock }: Order, parts: PlanParts): PlanView {
  const { nodes, clock, policies, interlocks, locks, runs, world, pacing } = parts;
  const nowMs = clock.monotonicMs();
  return {
    known: (node) => nodes.known(node, nowMs),
    locked: (node) => locks.judge(node, actor, lock),
    busy: (node) => {
      const run = runs.last(node);
      if (!run || run.phase.kind === "done") return undefined;
      return { reasonCode: "busy", detail: `${run.action} by ${run.actor} runs` };
    },
    interlocked: (node, going) => {
      const barred = interlocks.judge(node, action, (other) => going.has(other));
      return barred && { reasonCode: "interlocked", detail: barred.detail };
    },
    drainRoles: (node) => world.drainHooks(node).map(({ role }) => role),
    noRoom: (node) => pacing.refusal(node),
    domain: (node) => policies.domainOf(node),
  };
}
