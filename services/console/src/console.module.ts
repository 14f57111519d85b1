import { join } from "node:path";
import { anchorPath } from "@outrider/audit/anchor-file";
import { AuditLog } from "@outrider/audit/audit-log";
import {
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from "@nestjs/common";
import { seconds, type Clock } from "@outrider/contracts/clock";
import { consoleState } from "@outrider/contracts/console";
import type { CredentialStore } from "@outrider/identity/credential-store";
import type { IdentityStore } from "@outrider/identity/identity-store";
import type { Log } from "@outrider/messaging/log";
import { RequestClient } from "@outrider/messaging/request-client";
import { Session } from "@outrider/messaging/session";
import type { Health } from "@outrider/service-kit/health";
import type { Metrics } from "@outrider/service-kit/metrics";
import { CLOCK, HEALTH, LOG, METRICS } from "@outrider/service-kit/tokens";
import type { Storage } from "@outrider/storage/storage";
import { AutomationRequests } from "./automation/automation-requests.js";
import { AutomationSite } from "./automation/automation-site.js";
import { automationPages } from "./automation/automation-pages.js";
import { Automation } from "./automation/automation.js";
import { ScriptRequests } from "./automation/script-requests.js";
import { Scripts } from "./automation/scripts.js";
import type { ConsoleConfig } from "./config.js";
import { ConsoleCore } from "./console-core.js";
import { measureConsoles } from "./console-metrics.js";
import { ConsoleRequests } from "./console-requests.js";
import { Consoles } from "./intake/consoles.js";
import type { ConsoleLogs } from "./log/console-log.js";
import { DeclaredConsoles } from "./state/declared-consoles.js";
import { RememberedConsoles } from "./state/remembered-consoles.js";
import { Site } from "./state/site.js";

/** By then inventory's descriptions have arrived, and states of consoles that it does not name are leftovers. */
const SETTLE_AFTER = seconds(5);

/** Begins with the first message, and follows the connection. */
class Lifecycle implements OnModuleInit, OnApplicationShutdown {
  readonly #stopped = new AbortController();

  constructor(
    private readonly core: ConsoleCore,
    private readonly automation: Automation,
    private readonly scripts: Scripts,
    private readonly session: Session,
    private readonly clock: Clock,
    private readonly audit: AuditLog,
    private readonly storage: Storage,
  ) {}

  async onModuleInit(): Promise<void> {
    this.session.own(consoleState);
    this.session.onBorn(() => {
      void this.clock.sleep(SETTLE_AFTER, this.#stopped.signal).then(
        () => this.session.settleOwned(),
        () => undefined,
      );
    });
    await this.automation.start();
    await this.scripts.start();
    await this.core.start();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stopped.abort();
    await this.scripts.stop();
    await this.automation.stop();
    await this.core.stop();
    await this.audit.close();
    await this.storage.close();
  }
}

export interface ConsoleModuleParts {
  readonly config: ConsoleConfig;
  /** With the tables of the console service and of its audit log. */
  readonly storage: Storage;
  readonly logs: ConsoleLogs;
  readonly identity: IdentityStore;
  readonly credentials: CredentialStore;
  /** Called when the process cannot go on. */
  readonly defect: (error: unknown) => void;
}

@Module({})
export class ConsoleModule {
  static with(parts: ConsoleModuleParts): DynamicModule {
    const { config, storage, logs, identity, credentials, defect } = parts;
    return {
      module: ConsoleModule,
      providers: [
        { provide: Site, useFactory: () => new Site(new DeclaredConsoles()) },
        ConsoleRequests,
        AutomationRequests,
        AutomationSite,
        ScriptRequests,
        {
          provide: AuditLog,
          inject: [CLOCK, LOG],
          useFactory: (clock: Clock, log: Log) =>
            AuditLog.open({
              storage,
              log: "console",
              clock,
              anchor: anchorPath(config.dataDirectory, "console"),
              problem: (what, error) => log.error({ err: error }, what),
            }),
        },
        {
          provide: ConsoleCore,
          inject: [Session, CLOCK, LOG, AuditLog, Site, METRICS, HEALTH],
          useFactory: (
            session: Session,
            clock: Clock,
            log: Log,
            audit: AuditLog,
            site: Site,
            metrics: Metrics,
            health: Health,
          ) => {
            const core = new ConsoleCore({
              config,
              session,
              requests: new RequestClient(session, "console", clock),
              clock,
              log,
              logs,
              identity,
              credentials,
              remembered: new RememberedConsoles(storage),
              storage,
              site,
              audit: (entry) => audit.append(entry),
              defect,
            });
            measureConsoles(metrics, core);
            health.add(() => core.problems());
            return core;
          },
        },
        {
          provide: Consoles,
          inject: [ConsoleCore],
          useFactory: (core: ConsoleCore) => core.consoles,
        },
        {
          provide: Scripts,
          inject: [ConsoleCore, CLOCK, LOG, AuditLog],
          useFactory: (core: ConsoleCore, clock: Clock, log: Log, audit: AuditLog) =>
            new Scripts({
              storage,
              clock,
              log,
              consoles: core.consoles,
              identity,
              happened: (node, event) => core.events.happened(node, event),
              audit: (entry) => audit.append(entry),
              defect,
            }),
        },
        {
          provide: Automation,
          inject: [ConsoleCore, Scripts, Session, CLOCK, LOG, AuditLog, HEALTH],
          useFactory: (
            core: ConsoleCore,
            scripts: Scripts,
            session: Session,
            clock: Clock,
            log: Log,
            audit: AuditLog,
            health: Health,
          ) => {
            const automation = new Automation({
              storage,
              directory: join(config.dataDirectory, "console"),
              requests: new RequestClient(session, "console", clock),
              clock,
              log,
              consoles: core.consoles,
              taps: core.taps,
              happened: (node, event) => core.events.happened(node, event),
              audit: (entry) => audit.append(entry),
              defect,
            });
            core.pages.push(automationPages(automation, scripts, defect));
            health.add(() => automation.problems());
            return automation;
          },
        },
        {
          provide: Lifecycle,
          inject: [ConsoleCore, Automation, Scripts, Session, CLOCK, AuditLog],
          useFactory: (
            core: ConsoleCore,
            automation: Automation,
            scripts: Scripts,
            session: Session,
            clock: Clock,
            audit: AuditLog,
          ) => new Lifecycle(core, automation, scripts, session, clock, audit, storage),
        },
      ],
    };
  }
}
