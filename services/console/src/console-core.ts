import { join } from "node:path";
import type { AuditEntry } from "@outrider/audit/audit-entry";
import type { LinkServer } from "@outrider/console-link/link-server";
import { milliseconds, type Clock } from "@outrider/contracts/clock";
import type { NodeId } from "@outrider/contracts/ids";
import type { CredentialStore } from "@outrider/identity/credential-store";
import type { IdentityStore } from "@outrider/identity/identity-store";
import type { Log } from "@outrider/messaging/log";
import type { RequestClient } from "@outrider/messaging/request-client";
import type { Session } from "@outrider/messaging/session";
import type { Storage } from "@outrider/storage/storage";
import { isStorageError } from "@outrider/storage/storage-error";
import { ConsoleTaps } from "./automation/console-tap.js";
import type { ConsoleConfig } from "./config.js";
import { AttachSocket } from "./http/attach-socket.js";
import { consolePages, type MorePages } from "./http/pages.js";
import { Consoles } from "./intake/consoles.js";
import { LeftLogs } from "./log/left-logs.js";
import { openLink } from "./intake/link.js";
import type { ConsoleLogs } from "./log/console-log.js";
import { Screens } from "./screen/screens.js";
import { powerDoor } from "./sessions/power-door.js";
import { seemly } from "./sessions/seemly.js";
import { ConsoleEvents } from "./state/events.js";
import type { RememberedConsoles } from "./state/remembered-consoles.js";
import type { Site } from "./state/site.js";
import { RememberedStages } from "./state/remembered-stages.js";
import { RememberedWires } from "./state/remembered-wires.js";
import { ConsoleStates } from "./state/states.js";
import { WayEvents } from "./state/way-events.js";
import { Ways } from "./ways/ways.js";

/** What the site says is taken up so long after it was said: it says much at once. */
const SETTLE = milliseconds(50);
/** How old what is known of people may be: a right taken away counts this late at most. */
const FRESH = milliseconds(1000);

export interface CoreOptions {
  readonly config: ConsoleConfig;
  readonly session: Session;
  readonly requests: RequestClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly logs: ConsoleLogs;
  readonly identity: IdentityStore;
  readonly credentials: CredentialStore;
  readonly remembered: RememberedConsoles;
  readonly storage: Storage;
  readonly site: Site;
  /** Writes a record before what it says is done. @throws StorageError */
  readonly audit: (entry: AuditEntry) => Promise<void>;
  readonly defect: (error: unknown) => void;
}

/** The parts of this service and how they hang together: link → log → people, and what is told of it. */
export class ConsoleCore {
  readonly taps = new ConsoleTaps();
  /** Further pages of the listener. */
  readonly pages: MorePages[] = [];
  readonly events: ConsoleEvents;
  readonly screens: Screens;
  readonly consoles: Consoles;
  /** What is left of consoles that the site does not have any more. */
  readonly left: LeftLogs;
  readonly ways: Ways;
  readonly #states: ConsoleStates;
  readonly #stages: RememberedStages;
  readonly #wires: RememberedWires;
  readonly #stopped = new AbortController();
  readonly #background = new Set<Promise<void>>();
  readonly #records = new Set<Promise<void>>();
  #isSettling = false;
  #link: { readonly server: LinkServer; readonly port: number } | undefined;

  constructor(private readonly options: CoreOptions) {
    const { session, clock, log, logs, requests, defect, identity, config } = options;
    this.events = new ConsoleEvents(session, clock);
    this.screens = new Screens(log, clock);
    const changed = (node: NodeId): void => this.#states.changed(node);
    this.#stages = new RememberedStages(options.storage, (doing) => this.#run(doing));
    this.#wires = new RememberedWires(options.storage, (doing) => this.#run(doing));
    this.left = new LeftLogs({
      directory: join(config.dataDirectory, "console"),
      clock,
      log,
      isDeclared: (node) => this.consoles.isDeclared(node),
    });
    this.consoles = new Consoles({
      logs,
      screens: this.screens,
      taps: this.taps,
      clock,
      changed,
      left: this.left,
      stages: this.#stages,
      parts: {
        clock,
        log,
        audit: (entry) => this.#recorded(entry),
        power: powerDoor(requests),
        screens: this.screens,
        wires: this.#wires,
        happened: (node, event) => this.events.happened(node, event),
        defect,
      },
    });
    this.#states = new ConsoleStates(session, clock, this.taps, (node, staleAfterMs) =>
      this.consoles.get(node)?.state(staleAfterMs),
    );
    const wayEvents = new WayEvents((node, event) => this.events.happened(node, event));
    this.ways = new Ways({
      onProblems: (problems) => wayEvents.tell(problems),
      door: this.consoles,
      identity,
      bind: config.bind,
      openBind: config.openBind,
      sshPort: config.sshPort,
      dataDirectory: config.dataDirectory,
      anonymous: config.demo ? "loopback-operator" : undefined,
      clock,
      log,
      audit: (entry) => this.#recorded(entry),
    });
  }

  /** Where agents bring what consoles say. */
  get linkPort(): number {
    return this.#link?.port ?? 0;
  }

  /** What is wrong beyond what every service looks after, in sentences. */
  *problems(): Generator<string> {
    const failing = [...this.consoles.all()].filter(({ log }) => log.problem !== undefined);
    const [first] = failing;
    if (first) {
      yield `the logs of ${failing.length} consoles cannot be written (${first.node}: ${first.log.problem})`;
    }
    for (const { way, node, port, detail } of this.ways.problems) {
      yield `${way}${node === undefined ? "" : ` of ${node}`} on port ${port} is not open: ${detail}`;
    }
  }

  /** Opens what was known before, then the doors. @throws the system's error when the link cannot listen */
  async start(): Promise<void> {
    const { site, remembered, identity, credentials, config, clock, log } = this.options;
    site.declared.remember(await remembered.load(), await remembered.loadPolicies());
    await this.#stages.load();
    await this.#wires.load();
    await this.consoles.declare(site.declared.all());
    site.listen({
      changed: () => {
        this.consoles.siteHeard();
        this.#settle();
      },
      supplyOn: (node) => this.consoles.get(node)?.supplyOn(),
      notice: (node, text) => this.#notice(node, text),
    });
    this.#settle();
    this.#link = await openLink({
      bind: config.bind,
      port: config.linkPort,
      tls: config.linkTls,
      credentials,
      clock,
      log,
      onConsole: (linked) => this.consoles.announced(linked),
    });
    if (site.policies) this.ways.configure(site.policies);
    await this.ways.start();
    this.left.start();
    const stop = clock.every(FRESH, () => {
      this.#run(Promise.all([identity.refresh(), credentials.refresh()]));
    });
    this.#stopped.signal.addEventListener("abort", stop);
  }

  upgrade(): AttachSocket {
    const { identity, clock, defect } = this.options;
    return new AttachSocket({
      door: this.consoles,
      identity,
      clock,
      defect,
      stopping: () => this.consoles.stop(),
    });
  }

  http(): ReturnType<typeof consolePages> {
    const { logs, defect } = this.options;
    const { consoles, screens, pages: more } = this;
    return consolePages({ consoles, logs, screens, more, defect });
  }

  /** Tells everybody, and lets go of the agents. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.consoles.stop();
    await this.ways.stop();
    await this.#link?.server.close();
    this.#states.stop();
    this.events.stop();
    await this.left.stop();
    await Promise.allSettled([...this.#background, ...this.#records]);
    await this.screens.close();
  }

  /** Records that are being written are waited for at the end. */
  async #recorded(entry: AuditEntry): Promise<void> {
    const record = this.options.audit(entry);
    this.#records.add(record);
    try {
      await record;
    } finally {
      this.#records.delete(record);
    }
  }

  /** Takes up what the site says, once it has been said. */
  #settle(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    const { clock } = this.options;
    this.#run(
      clock.sleep(SETTLE, this.#stopped.signal).then(
        () => this.#takeUp(),
        () => undefined,
      ),
    );
  }

  async #takeUp(): Promise<void> {
    this.#isSettling = false;
    const { site, remembered } = this.options;
    const declarations = site.declared.all();
    await this.consoles.declare(declarations);
    const { policies } = site;
    if (policies) this.ways.configure(policies);
    await remembered.save(declarations);
    if (policies) await remembered.savePolicies(policies);
  }

  #notice(node: NodeId, text: string): void {
    const console = this.consoles.get(node)?.console;
    if (!console) return;
    console.tellAll({ told: "notice", text: seemly(text, 2000) });
    console.mark(text);
  }

  /** What the database refuses is done again later; anything else is a defect. */
  #run(doing: Promise<unknown>): void {
    const { log, defect } = this.options;
    const run: Promise<void> = doing
      .catch((error: unknown) => {
        if (!isStorageError(error)) return defect(error);
        log.warn({ err: error }, "the database did not answer; what was known counts on");
      })
      .then(() => void this.#background.delete(run));
    this.#background.add(run);
  }
}
