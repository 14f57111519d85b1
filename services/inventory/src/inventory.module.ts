import { anchorPath } from "@outrider/audit/anchor-file";
import { AuditLog } from "@outrider/audit/audit-log";
import { auditMigrations } from "@outrider/audit/audit-migrations";
import {
  Inject,
  Injectable,
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from "@nestjs/common";
import { agentDesired } from "@outrider/contracts/agent";
import type { Clock } from "@outrider/contracts/clock";
import { isAgentId, type AgentId } from "@outrider/contracts/ids";
import { nodeLock } from "@outrider/contracts/lock";
import { nodeDescription } from "@outrider/contracts/node";
import { site as siteContract } from "@outrider/contracts/service";
import { AgentRequestClient } from "@outrider/messaging/agent-request-client";
import type { ClockBeacon } from "@outrider/messaging/clock-beacon";
import type { Log } from "@outrider/messaging/log";
import { Session } from "@outrider/messaging/session";
import { BEACON, CLOCK, LOG, SERVICE } from "@outrider/service-kit/tokens";
import type { Storage } from "@outrider/storage/storage";
import type { Instance } from "@outrider/service-kit/service";
import type { InventoryConfig } from "./config.js";
import { AGENT_REQUESTS, AgentRequests } from "./agent-requests.js";
import { AgentRecords, MIGRATIONS } from "./agent-records.js";
import { Intake } from "./intake.js";
import { Inventory } from "./inventory.js";
import { LockRequests } from "./locks/lock-requests.js";
import { LockStore } from "./locks/lock-store.js";
import { Locks } from "./locks/locks.js";
import { InventoryRequests } from "./inventory-requests.js";
import { DriftLog } from "./facts/drift-log.js";
import { Facts } from "./facts/facts.js";
import { History } from "./facts/history.js";
import { Proposals } from "./facts/proposals.js";
import { DeclaredThings } from "./facts/declared-things.js";
import { agentSuggestion } from "./facts/suggestions.js";
import { SiteRecord, type SiteSource } from "./record/site-record.js";
import { SiteStore } from "./record/site-store.js";
import { Supplies } from "./supplies.js";

const STORAGE = Symbol("inventory:storage");
const SITE = Symbol("inventory:site");

/** Puts the site into force before the first message, and lets go of the store after the last. */
@Injectable()
class Lifecycle implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(Session) private readonly session: Session,
    @Inject(Inventory) private readonly inventory: Inventory,
    @Inject(Locks) private readonly locks: Locks,
    @Inject(AuditLog) private readonly audit: AuditLog,
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(SITE) private readonly source: SiteSource,
    @Inject(SiteRecord) private readonly record: SiteRecord,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(DriftLog) private readonly drift: DriftLog,
  ) {}

  async onModuleInit(): Promise<void> {
    this.session.own(siteContract);
    this.session.own(nodeDescription);
    this.session.own(nodeLock);
    const seen = ({ parameters: { agent } }: { parameters: { readonly agent: string } }) =>
      isAgentId(agent) ? this.inventory.seenDesired(agent) : undefined;
    this.session.subscribe(agentDesired, {}, seen, { refused: (_, message) => seen(message) });
    await this.locks.resume();
    await this.record.start(this.source);
    this.session.settleOwned();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.inventory.stop();
    await this.locks.stop();
    await this.facts.stop();
    await this.drift.stop();
    await this.audit.close();
    await this.storage.close();
  }
}

@Module({})
class InventoryModule {}

/**
 * The providers of the service, its store opened.
 * @param first the site that is put into force at start
 */
export async function inventoryModule(
  instance: Instance,
  { dataDirectory, ownPorts }: Pick<InventoryConfig, "dataDirectory" | "ownPorts">,
  first: SiteSource,
): Promise<DynamicModule> {
  const storage = await instance.storage([MIGRATIONS, auditMigrations("inventory")]);
  const declared = new DeclaredThings();
  return {
    module: InventoryModule,
    providers: [
      Lifecycle,
      Intake,
      LockRequests,
      InventoryRequests,
      AgentRequests,
      {
        provide: AGENT_REQUESTS,
        inject: [Session, BEACON, CLOCK],
        useFactory: (session: Session, beacon: ClockBeacon, clock: Clock) =>
          new AgentRequestClient(session, "inventory", beacon, clock),
      },
      Supplies,
      { provide: SiteStore, useValue: new SiteStore(storage) },
      {
        provide: History,
        inject: [CLOCK],
        useFactory: (clock: Clock) => new History(storage, clock),
      },
      {
        provide: DriftLog,
        inject: [CLOCK],
        useFactory: (clock: Clock) => new DriftLog(storage, clock),
      },
      { provide: SITE, useValue: first },
      { provide: STORAGE, useValue: storage },
      {
        provide: AuditLog,
        inject: [CLOCK, LOG],
        useFactory: (clock: Clock, log: Log) =>
          AuditLog.open({
            storage,
            log: "inventory",
            clock,
            anchor: anchorPath(dataDirectory, "inventory"),
            problem: (what, error) => log.error({ error: String(error) }, what),
          }),
      },
      {
        provide: Locks,
        inject: [Session, CLOCK, LOG, AuditLog],
        useFactory: (session: Session, clock: Clock, log: Log, audit: AuditLog) =>
          new Locks({ session, clock, log, audit, store: new LockStore(storage) }),
      },
      {
        provide: Proposals,
        inject: [Session, CLOCK, LOG, AuditLog],
        useFactory: (session: Session, clock: Clock, log: Log, audit: AuditLog) =>
          new Proposals({
            storage,
            session,
            clock,
            log,
            audit,
            isDeclared: (kind, subject) => declared.has(kind, subject),
          }),
      },
      {
        provide: Inventory,
        inject: [Session, CLOCK, LOG, SERVICE, Locks, Proposals],
        useFactory: (
          session: Session,
          clock: Clock,
          log: Log,
          { version }: { version: string },
          locks: Locks,
          proposals: Proposals,
        ) => {
          const undeclared = async (agent: AgentId): Promise<void> =>
            void (await proposals.seen({
              kind: "agent",
              subject: agent,
              detail: `agent ${agent} is connected and not declared`,
              suggestion: agentSuggestion(agent),
            }));
          const records = new AgentRecords(storage);
          const inventory = new Inventory({
            session,
            clock,
            log,
            version,
            locks,
            records,
            undeclared,
          });
          declared.of(() => inventory.site);
          return inventory;
        },
      },
      {
        provide: Facts,
        inject: [CLOCK, History, Proposals, Inventory],
        useFactory: (clock: Clock, history: History, proposals: Proposals, inventory: Inventory) =>
          new Facts({
            storage,
            clock,
            history,
            proposals,
            nodes: () => inventory.site?.nodes ?? [],
          }),
      },
      {
        provide: SiteRecord,
        inject: [Session, CLOCK, LOG, AuditLog, Inventory, Locks, Supplies, History, SiteStore],
        useFactory: (
          session: Session,
          clock: Clock,
          log: Log,
          audit: AuditLog,
          inventory: Inventory,
          locks: Locks,
          supplies: Supplies,
          history: History,
          store: SiteStore,
        ) =>
          new SiteRecord({
            session,
            clock,
            log,
            audit,
            inventory,
            locks,
            supplies,
            history,
            store,
            ports: ownPorts,
          }),
      },
    ],
  };
}
