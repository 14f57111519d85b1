import {
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from "@nestjs/common";
import type { Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import { Session } from "@outrider/messaging/session";
import { CLOCK, LOG } from "@outrider/service-kit/tokens";
import { Bridge, type BridgeOptions } from "./bridge.js";
import { Listening } from "./listening.js";
import { SiteFacts } from "./site-facts.js";
import { Standing } from "./standing.js";

class Lifecycle implements OnModuleInit, OnApplicationShutdown {
  constructor(private readonly bridge: Bridge) {}

  onModuleInit(): void {
    this.bridge.start();
  }

  onApplicationShutdown(): void {
    this.bridge.stop();
  }
}

@Module({})
export class HomeAssistantModule {
  static with(options: BridgeOptions): DynamicModule {
    // The facts tell the bridge of changes, and it asks them.
    let touch: (object: string) => void = () => undefined;
    return {
      module: HomeAssistantModule,
      providers: [
        Standing,
        { provide: SiteFacts, useFactory: () => new SiteFacts((object) => touch(object)) },
        {
          provide: Bridge,
          inject: [Session, CLOCK, LOG, SiteFacts, Standing],
          useFactory: (
            session: Session,
            clock: Clock,
            log: Log,
            facts: SiteFacts,
            standing: Standing,
          ) => {
            const bridge = new Bridge({ session, clock, log, facts, standing }, options);
            touch = (object) => bridge.touch(object);
            return bridge;
          },
        },
        Listening,
        {
          provide: Lifecycle,
          inject: [Bridge],
          useFactory: (bridge: Bridge) => new Lifecycle(bridge),
        },
      ],
    };
  }
}
