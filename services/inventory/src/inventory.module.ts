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
import { isAgentId } from "@outrider/contracts/ids";
import { nodeLock } from "@outrider/contracts/lock";
import { nodeDescription } from "@outrider/contracts/node";
import { site as siteContract } from "@outrider/contracts/service";
import type { Log } from "@outrider/messaging/log";
import { Session } from "@outrider/messaging/session";
import { CLOCK, LOG, SERVICE } from "@outrider/service-kit/tokens";
import type { Storage } from "@outrider/storage/storage";
import type { Instance } from "@outrider/service-kit/service";
import { AgentRecords, MIGRATIONS } from "./agent-records.js";
import { Intake } from "./intake.js";
import { Inventory } from "./inventory.js";
import { LockRequests } from "./locks/lock-requests.js";
import { LockStore } from "./locks/lock-store.js";
import { Locks } from "./locks/locks.js";
import type { Site } from "./site.js";

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
    @Inject(SITE) private readonly site: Site,
  ) {}

  async onModuleInit(): Promise<void> {
    this.session.own(siteContract);
    this.session.own(nodeDescription);
    this.session.own(nodeLock);
    const seen = ({ parameters: { agent } }: { parameters: { readonly agent: string } }) =>
      isAgentId(agent) ? this.inventory.seenDesired(agent) : undefined;
    this.session.subscribe(agentDesired, {}, seen, { refused: (_, message) => seen(message) });
    await this.locks.resume();
    await this.inventory.apply(this.site);
    this.session.settleOwned();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.inventory.stop();
    await this.locks.stop();
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
  dataDirectory: string,
  first: Site,
): Promise<DynamicModule> {
  const storage = await instance.storage([MIGRATIONS, auditMigrations("inventory")]);
  return {
    module: InventoryModule,
    providers: [
      Lifecycle,
      Intake,
      LockRequests,
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
        provide: Inventory,
        inject: [Session, CLOCK, LOG, SERVICE, Locks],
        useFactory: (
          session: Session,
          clock: Clock,
          log: Log,
          { version }: { version: string },
          locks: Locks,
        ) =>
          new Inventory({
            session,
            clock,
            log,
            version,
            locks,
            records: new AgentRecords(storage),
          }),
      },
    ],
  };
}
