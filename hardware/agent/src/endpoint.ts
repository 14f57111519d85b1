import type { AuditEntry } from "@outrider/audit/audit-entry";
import type { DescribedEndpoint, DesiredEndpoint, EndpointAction } from "@outrider/contracts/agent";
import type { Tested } from "@outrider/contracts/agent-request";
import type { Clock } from "@outrider/contracts/clock";
import type { Supply } from "@outrider/contracts/power";
import type { DriverContext } from "@outrider/ports/driver";
import type { PortError } from "@outrider/ports/port-error";
import { NO_MEMORY, type CommandRecord, type EndpointMemory } from "./command-record.js";
import type { Journal, MemoryPatch, StoredEvent } from "./journal.js";
import type { AgentLog } from "./log.js";
import type { Execution, Outcome } from "./outcome.js";

/** What runs on an endpoint. At most one at a time. */
export interface Activity {
  /** For a person: "PowerCycle (id …)" or "the restore policy". */
  readonly what: string;
  /** Whether a command may take its place now. Only automatic acts, and only while they wait. */
  interruptible: boolean;
  /** Aborted when a command takes its place, and when the agent stops. */
  readonly controller: AbortController;
}

/** What every endpoint is made of. */
export interface EndpointParts {
  readonly desired: DesiredEndpoint;
  readonly memory: EndpointMemory | undefined;
  readonly clock: Clock;
  readonly log: AgentLog;
  readonly journal: Pick<Journal, "remember" | "recordStep">;
  /** Where its driver is; missing: where all are. */
  readonly drivers?: URL | undefined;
  /** Resolves what options refer to. */
  readonly secrets: DriverContext["secret"];
  /** Finds the programs that options name. */
  readonly programs: DriverContext["program"];
}

/**
 * A driver opened for one node's interface, and what runs on it and is remembered of it. Each port has a class of its
 * own, which knows what is done with it; everybody else knows this one.
 */
export abstract class Endpoint {
  desired: DesiredEndpoint;
  /** Why it is not open. */
  failure: string | undefined = "it is being opened";

  /** What is wrong beside the endpoint although it is open, and what to do; it is said in the agent's description. */
  get notice(): string | undefined {
    return undefined;
  }

  actions: readonly EndpointAction[] = [];

  /** What is said of it in the agent's description beside what every endpoint has. */
  get traits(): Pick<DescribedEndpoint, "quantities" | "proves"> {
    return {};
  }
  memory: EndpointMemory;
  readonly clock: Clock;
  readonly log: AgentLog;
  readonly drivers: URL | undefined;
  readonly secrets: DriverContext["secret"];
  readonly programs: DriverContext["program"];
  protected readonly journal: EndpointParts["journal"];
  #activity: Activity | undefined;
  #changes = 0;
  #idle: (() => void)[] = [];

  constructor({ desired, memory, clock, log, journal, drivers, secrets, programs }: EndpointParts) {
    this.desired = desired;
    this.memory = memory ?? NO_MEMORY;
    this.clock = clock;
    this.log = log;
    this.journal = journal;
    this.drivers = drivers;
    this.secrets = secrets;
    this.programs = programs;
  }

  /** Opens its driver once. Heeds `signal`, and leaves nothing open when it rejects. @throws PortError, or what a driver throws */
  abstract open(signal: AbortSignal): Promise<void>;
  /** Closes what was opened, for good. */
  abstract close(): Promise<void>;
  /** It is open and what a former process left is being ended: from now on it is cared for. Called again when it may owe something. */
  attend(): void {}
  /** It was not opened, or has another configuration that needs no opening: what is known of it may differ. */
  changed(): void {}
  /** Somebody new listens: everything is to be said again. */
  repeat(): void {}
  /** Something is done with the supply of its node. */
  overtaken(_action: EndpointAction): void {}

  /** What its supply does, before a command. Changes nothing. @throws the signal's reason */
  abstract look(signal: AbortSignal): Promise<Supply | PortError>;
  /** A command was accepted: it is in the journal and not done. */
  accepted(_action: EndpointAction): void {}
  /** Does a command, once. A device that fails is an outcome. @throws the reason of the activity's signal */
  abstract execute(execution: Execution): Promise<Outcome>;
  /**
   * Says how a command ends that a former process left open, and does what must still be done.
   * @param conclude resolves when the outcome is in the journal
   */
  abstract recover(
    record: CommandRecord,
    activity: Activity,
    conclude: (outcome: Outcome) => Promise<void>,
  ): Promise<void>;
  /** A command was brought to its end: what it interrupted goes on. */
  released(): void {}
  /** Tries what can be tried without touching what the node does, for a person who sets it up. @throws the signal's reason */
  abstract test(signal: AbortSignal): Promise<Tested>;

  get id(): DesiredEndpoint["endpoint"] {
    return this.desired.endpoint;
  }

  get activity(): Activity | undefined {
    return this.#activity;
  }

  /** Counts beginnings and ends of activities. */
  protected get changes(): number {
    return this.#changes;
  }

  /** Takes the endpoint. What was there must be interruptible, and is interrupted. */
  begin(activity: Activity): void {
    const former = this.#activity;
    if (former && !former.interruptible) throw new Error(`${this.id} is busy with ${former.what}`);
    this.#activity = activity;
    this.#changes += 1;
    former?.controller.abort(new Error(`${activity.what} took the place of ${former.what}`));
  }

  /** Gives the endpoint back. Nothing happens when something else has taken it. */
  end(activity: Activity): void {
    if (this.#activity !== activity) return;
    this.#activity = undefined;
    this.#changes += 1;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Resolves when nothing runs that may not be interrupted; what may be, is. */
  async idle(): Promise<void> {
    while (this.#activity) {
      if (this.#activity.interruptible) {
        const former = this.#activity;
        this.end(former);
        former.controller.abort(new Error(`${this.id} is being changed`));
        return;
      }
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  /** Records a change of what is remembered, then holds it. @throws StorageError */
  async remember(
    patch: MemoryPatch,
    events: readonly StoredEvent[] = [],
    audited: readonly AuditEntry[] = [],
  ): Promise<void> {
    await this.journal.remember(this.id, patch, events, audited);
    this.hold(patch);
  }

  /** Holds a change that is in the journal. */
  hold(patch: MemoryPatch): void {
    this.memory = { ...this.memory, ...patch };
  }
}
