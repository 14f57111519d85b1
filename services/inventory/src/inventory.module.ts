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
import { nodeDescription } from "@outrider/contracts/node";
import { site as siteContract } from "@outrider/contracts/service";
import type { Log } from "@outrider/messaging/log";
import { Session } from "@outrider/messaging/session";
import { CLOCK, LOG, SERVICE } from "@outrider/service-kit/tokens";
import type { Storage } from "@outrider/storage/storage";
import { AgentRecords } from "./agent-records.js";
import { Intake } from "./intake.js";
import { Inventory } from "./inventory.js";
import type { Site } from "./site.js";

const STORAGE = Symbol("inventory:storage");
const SITE = Symbol("inventory:site");

/** Puts the site into force before the first message, and lets go of the store after the last. */
@Injectable()
class Lifecycle implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(Session) private readonly session: Session,
    @Inject(Inventory) private readonly inventory: Inventory,
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(SITE) private readonly site: Site,
  ) {}

  async onModuleInit(): Promise<void> {
    this.session.own(siteContract);
    this.session.own(nodeDescription);
    const seen = ({ parameters: { agent } }: { parameters: { readonly agent: string } }) =>
      isAgentId(agent) ? this.inventory.seenDesired(agent) : undefined;
    this.session.subscribe(agentDesired, {}, seen, { refused: (_, message) => seen(message) });
    await this.inventory.apply(this.site);
    this.session.settleOwned();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.inventory.stop();
    await this.storage.close();
  }
}

@Module({})
class InventoryModule {}

/**
 * The providers of the service.
 * @param first the site that is put into force at start
 */
export function inventoryModule(storage: Storage, first: Site): DynamicModule {
  return {
    module: InventoryModule,
    providers: [
      Lifecycle,
      Intake,
      { provide: SITE, useValue: first },
      {
        provide: STORAGE,
        useValue: storage,
      },
      {
        provide: Inventory,
        inject: [Session, CLOCK, LOG, SERVICE, STORAGE],
        useFactory: (
          session: Session,
          clock: Clock,
          log: Log,
          { version }: { version: string },
          storage: Storage,
        ) => new Inventory({ session, clock, log, version, records: new AgentRecords(storage) }),
      },
    ],
  };
}
