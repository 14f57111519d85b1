import { Module, type DynamicModule, type OnApplicationShutdown } from "@nestjs/common";
import type { AuditLog } from "@outrider/audit/audit-log";
import type { Clock } from "@outrider/contracts/clock";
import type { Log } from "@outrider/messaging/log";
import { RequestClient } from "@outrider/messaging/request-client";
import { Session } from "@outrider/messaging/session";
import type { Metrics } from "@outrider/service-kit/metrics";
import { CLOCK, LOG, METRICS } from "@outrider/service-kit/tokens";
import type { Storage } from "@outrider/storage/storage";
import { Gateway } from "./gateway.js";
import type { GatewayConfig } from "./config.js";
import { Replies } from "./http/replies.js";
import { LiveClients, type Needs } from "./live/clients.js";
import { Happenings } from "./live/happenings.js";
import { Tickets } from "./live/tickets.js";
import { Listening } from "./mirror/listening.js";
import { Mirror } from "./mirror/mirror.js";
import { Results } from "./mirror/results.js";
import { stillStands, type Admitted, type People } from "./people/people.js";

/** Terminals and logs of consoles that are looked at at once; each is two sockets and their buffers. */
const MAX_CONSOLE_CLIENTS = 2000;

class Lifecycle implements OnApplicationShutdown {
  constructor(
    private readonly gateway: Gateway,
    private readonly audit: AuditLog,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await this.gateway.stop();
    await this.audit.close();
  }
}

export interface GatewayModuleOptions {
  readonly config: GatewayConfig;
  readonly storage: Storage;
  readonly audit: AuditLog;
  readonly people: People;
  readonly version: string;
  readonly defect: (error: unknown) => void;
}

@Module({})
export class GatewayModule {
  static with(options: GatewayModuleOptions): DynamicModule {
    const { config, storage, audit, people, version, defect } = options;
    const standing = (one: Admitted, { rights, node }: Needs): Promise<boolean> =>
      stillStands(one, people, rights, node);
    return {
      module: GatewayModule,
      providers: [
        { provide: Mirror, inject: [CLOCK], useFactory: (clock: Clock) => new Mirror(clock) },
        {
          provide: Happenings,
          inject: [CLOCK],
          useFactory: (clock: Clock) => new Happenings(clock),
        },
        { provide: Results, useValue: new Results() },
        Listening,
        {
          provide: LiveClients,
          inject: [CLOCK],
          useFactory: (clock: Clock) => new LiveClients(clock, standing),
        },
        {
          provide: RequestClient,
          inject: [Session, CLOCK],
          useFactory: (session: Session, clock: Clock) =>
            new RequestClient(session, "gateway", clock),
        },
        {
          provide: Gateway,
          inject: [Mirror, Results, Happenings, RequestClient, LiveClients, CLOCK, LOG, METRICS],
          useFactory: (
            mirror: Mirror,
            results: Results,
            happenings: Happenings,
            requests: RequestClient,
            clients: LiveClients,
            clock: Clock,
            log: Log,
            metrics: Metrics,
          ) =>
            new Gateway(
              config,
              {
                mirror,
                results,
                happenings,
                requests,
                clients,
                consoleClients: new LiveClients(clock, standing, MAX_CONSOLE_CLIENTS),
                counted: counting(metrics, mirror, clients),
                people,
                audit,
                tickets: new Tickets(clock),
                replies: new Replies(storage, clock),
                clock,
                log,
                version,
              },
              defect,
            ),
        },
        {
          provide: Lifecycle,
          inject: [Gateway],
          useFactory: (gateway: Gateway) => new Lifecycle(gateway, audit),
        },
      ],
    };
  }
}

/** What the gateway measures of itself. @returns what counts an answer */
function counting(
  metrics: Metrics,
  mirror: Mirror,
  clients: LiveClients,
): (operation: string, status: number) => void {
  const requests = metrics.counter(
    "outrider_gateway_requests_total",
    "Requests answered, by operation and status.",
    ["operation", "status"],
  );
  metrics.gauge("outrider_gateway_live_clients", "Clients that look on.", () => clients.count);
  metrics.gauge(
    "outrider_gateway_nodes",
    "Nodes that are declared.",
    () => mirror.nodeIds().length,
  );
  return (operation, status) => requests.add({ operation, status: String(status) });
}
