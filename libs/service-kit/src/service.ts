import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import {
  Module,
  type DynamicModule,
  type INestApplicationContext,
  type Type,
} from "@nestjs/common";
import { DiscoveryModule, DiscoveryService, NestFactory } from "@nestjs/core";
import { systemClock, timestamp, type Clock } from "@outrider/contracts/clock";
import type { ServiceName } from "@outrider/contracts/ids";
import { serviceDescription } from "@outrider/contracts/service-plane";
import { serviceStatus, type ServiceStatus } from "@outrider/contracts/service";
import { startClockBeacon, type ClockBeacon } from "@outrider/messaging/clock-beacon";
import type { Log } from "@outrider/messaging/log";
import { Session } from "@outrider/messaging/session";
import { becomeActive, type ActiveInstance } from "@outrider/storage/active-instance";
import { storageFor } from "@outrider/storage/storage-for";
import type { MigrationSet, Storage } from "@outrider/storage/storage";
import { Health } from "./health.js";
import { startListener, type HttpHandler, type Listener, type UpgradeHandler } from "./listener.js";
import { Metrics } from "./metrics.js";
import { messageHandlersOf } from "./on-message.js";
import { requestHandlersOf } from "./on-request.js";
import { ownPages } from "./own-pages.js";
import { RequestServer } from "./request-server.js";
import { registerServiceMetrics } from "./service-metrics.js";
import { BEACON, CLOCK, HEALTH, LOG, METRICS, SERVICE } from "./tokens.js";
import { WatchedStorage } from "./watched-storage.js";

export interface ServiceOptions {
  readonly name: ServiceName;
  readonly version: string;
  /**
   * The service's own module. Its providers may inject {@link Session} and the tokens of `tokens.ts`. What needs storage
   * is built once this is the active instance.
   */
  readonly module: Type | DynamicModule | ModuleFactory;
  readonly mqtt: {
    readonly url: string;
    readonly username?: string | undefined;
    readonly password?: string | undefined;
  };
  /** Folder of this deployment; the instance lock and the SQLite files lie there. */
  readonly dataDirectory: string;
  /** The deployment's PostgreSQL, which then has tables and instance lock. */
  readonly databaseUrl?: string | undefined;
  /** Told who is active when another instance is, which is then waited for. Without it the start fails. */
  readonly standingBy?: ((who: string) => void) | undefined;
  readonly log: Log;
  readonly clock?: Clock;
  /** What the service's own listener answers beside `/health` and `/metrics`, for what is too large for a message. */
  readonly http?: (context: INestApplicationContext) => HttpHandler;
  /** Takes connections that become something else, such as WebSockets. Without it they are refused. */
  readonly upgrade?: (context: INestApplicationContext) => UpgradeHandler;
  /** Told of a defect, and of a take-over by another instance: the process must end. Default: thrown, which ends it. */
  readonly defect?: (error: unknown) => void;
}

/** Builds a service's module once its process is the active instance: nobody else uses the storage then. */
export interface ModuleFactory {
  build(instance: Instance): Promise<Type | DynamicModule>;
}

/** What a service has for being its one active instance. */
export interface Instance {
  /** Opens tables where this deployment keeps them, see `storageFor`. Closed when the service stops, if not before. */
  storage(migrations: MigrationSet | readonly [MigrationSet, ...MigrationSet[]]): Promise<Storage>;
}

export interface RunningService {
  readonly session: Session;
  /** The injection container, for composition roots and tests. */
  readonly context: INestApplicationContext;
  stop(): Promise<void>;
}

@Module({})
class ServiceModule {}

/** What has been started so far, each as soon as it is there. */
interface Parts {
  readonly name: ServiceName;
  readonly log: Log;
  readonly active: ActiveInstance;
  readonly storages: WatchedStorage[];
  readonly metrics: Metrics;
  health?: Health;
  session?: Session;
  beacon?: ClockBeacon;
  context?: INestApplicationContext;
  listener?: Listener;
}

/**
 * Starts one service: becomes its active instance, opens its storage, builds its providers, connects its handlers and
 * its presence. Resolves once providers are initialised; the broker may still be away, and is waited for without end.
 * @throws StorageError `held` when another instance of the service is active and this one shall not stand by
 */
export async function startService(options: ServiceOptions): Promise<RunningService> {
  const { name, log, clock = systemClock } = options;
  await mkdir(options.dataDirectory, { recursive: true, mode: 0o700 });
  const active = await becomeActive(options, name, {
    holder: `${name} service, process ${process.pid} on ${hostname()}`,
    standingBy: options.standingBy,
    lost: options.defect ?? raise,
    clock,
  });
  const parts: Parts = { name, log, active, storages: [], metrics: new Metrics() };
  try {
    return await startParts(parts, options, clock);
  } catch (error) {
    await stopParts(parts);
    throw error;
  }
}

async function startParts(
  parts: Parts,
  options: ServiceOptions,
  clock: Clock,
): Promise<RunningService> {
  const { name, log } = options;
  const session = (parts.session = createSession(options, clock, () => parts.health?.state));
  const health = (parts.health = new Health({
    service: name,
    version: options.version,
    clock,
    log,
    brokerConnected: () => session.connected,
    certain: () => parts.active.certain,
    changed: () => session.restatePresence(),
  }));
  registerServiceMetrics(parts.metrics, { session, health, storages: parts.storages });
  const beacon = (parts.beacon = startClockBeacon(session, name, clock));
  const module = await moduleOf(parts, options);
  const context = (parts.context = await NestFactory.createApplicationContext(
    rootModule(module, [
      { provide: Session, useValue: session },
      { provide: BEACON, useValue: beacon },
      { provide: CLOCK, useValue: clock },
      { provide: LOG, useValue: log },
      { provide: METRICS, useValue: parts.metrics },
      { provide: HEALTH, useValue: health },
      { provide: SERVICE, useValue: { name, version: options.version } },
    ]),
    { logger: false, abortOnError: false },
  ));
  connectHandlers(context, session);
  const server = serveRequests(context, session, options, clock, parts.metrics);
  parts.listener = await startListener(ownPages(health, parts.metrics, options.http?.(context)), {
    upgrade: options.upgrade?.(context),
  });
  session.retain(
    serviceDescription,
    { service: name },
    {
      operations: server.operations,
      listener: parts.listener.address,
    },
  );
  session.start();
  log.info({ service: name, url: redacted(options.mqtt.url) }, "service started");
  return { session, context, stop: () => stopParts(parts) };
}

/** The service's module, with its storage opened. */
async function moduleOf(
  { storages, active, health }: Parts,
  { module, dataDirectory, databaseUrl, defect }: ServiceOptions,
): Promise<Type | DynamicModule> {
  if (!("build" in module)) return module;
  return module.build({
    storage: async (migrations) => {
      const opened = await storageFor({ dataDirectory, databaseUrl }, migrations, active.lease);
      const { namespace } = "namespace" in migrations ? migrations : migrations[0];
      const storage = new WatchedStorage(
        namespace,
        opened,
        () => health?.update(),
        defect ?? raise,
      );
      storages.push(storage);
      health?.watch(storage);
      return storage;
    },
  });
}

function createSession(
  { name, version, mqtt, log }: ServiceOptions,
  clock: Clock,
  health: () => "ready" | "degraded" | undefined,
): Session {
  const startedAt = timestamp(clock);
  const instance = randomUUID();
  const status = (state: ServiceStatus["state"]): ServiceStatus => ({
    state,
    instance,
    version,
    startedAt,
  });
  return new Session({
    url: mqtt.url,
    clientId: `service-${name}`,
    ...(mqtt.username === undefined ? {} : { username: mqtt.username }),
    ...(mqtt.password === undefined ? {} : { password: mqtt.password }),
    clock,
    log,
    presence: {
      contract: serviceStatus,
      parameters: { service: name },
      birth: () => status(health() ?? "ready"),
      will: () => status("lost"),
      leaving: () => status("stopping"),
    },
  });
}

function rootModule(
  module: Type | DynamicModule,
  providers: { provide: unknown; useValue: unknown }[],
): DynamicModule {
  return {
    module: ServiceModule,
    global: true,
    imports: [DiscoveryModule, module],
    providers: providers as never,
    exports: providers.map(({ provide }) => provide) as never,
  };
}

function connectHandlers(context: INestApplicationContext, session: Session): void {
  for (const { instance } of context.get(DiscoveryService).getProviders()) {
    if (typeof instance !== "object" || instance === null) continue;
    const provider = instance as Record<string | symbol, (...args: unknown[]) => unknown>;
    for (const { contract, method, options } of messageHandlersOf(instance as object)) {
      const call =
        (name: string | symbol) =>
        async (...args: unknown[]) =>
          void (await provider[name]?.(...args));
      session.subscribe(contract, {}, call(method), {
        ...(options.retained ? { retained: options.retained } : {}),
        ...(options.refused ? { refused: call(options.refused) } : {}),
        ...(options.cleared ? { cleared: call(options.cleared) } : {}),
      });
    }
  }
}

function serveRequests(
  context: INestApplicationContext,
  session: Session,
  { name, log, defect }: ServiceOptions,
  clock: Clock,
  metrics: Metrics,
): RequestServer {
  const requests = metrics.counter(
    "outrider_requests_total",
    "Requests of other services that were answered, by operation and outcome.",
    ["operation", "outcome"],
  );
  const server = new RequestServer({
    service: name,
    session,
    clock,
    log,
    defect: defect ?? raise,
    answered: (operation, outcome) => requests.add({ operation, outcome }),
  });
  for (const { instance } of context.get(DiscoveryService).getProviders()) {
    if (typeof instance !== "object" || instance === null) continue;
    const provider = instance as Record<string | symbol, (asked: unknown) => Promise<object>>;
    for (const { operation, method } of requestHandlersOf(instance as object)) {
      server.serve(operation, async (asked) => {
        const answer = await provider[method]?.(asked);
        return answer ?? {};
      });
    }
  }
  server.start();
  return server;
}

/** Stops what there is, the last first. The next instance may start when it resolves. */
async function stopParts(parts: Parts): Promise<void> {
  const { context, session, beacon, active, storages, log, name, listener, health } = parts;
  health?.stop();
  beacon?.stop();
  await listener?.close();
  await session?.stop();
  await context?.close();
  await Promise.all(storages.map((storage) => storage.close()));
  await active.release();
  log.info({ service: name }, "service stopped");
}

/** Throws where nobody can catch it. */
function raise(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

function redacted(url: string): string {
  const parsed = new URL(url);
  parsed.username = "";
  parsed.password = "";
  return parsed.href;
}
