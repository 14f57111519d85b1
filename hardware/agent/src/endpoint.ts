import type { AuditEntry } from "@outrider/audit/audit-entry";
import type { DesiredEndpoint, EndpointAction } from "@outrider/contracts/agent";
import { milliseconds, type Clock } from "@outrider/contracts/clock";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import type { PowerPort, PowerReading, ReadOptions } from "@outrider/ports/power-port";
import { measuredDraw, NO_MEMORY, type EndpointMemory } from "./command-record.js";
import type { Journal, MemoryPatch, StoredEvent } from "./journal.js";
import type { AgentLog } from "./log.js";
import type { StartGate } from "./start-gate.js";

/** No port needs longer for one question; their own deadlines are shorter. */
const READ_WITHIN = milliseconds(6_000);

/** What runs on an endpoint. At most one at a time. */
export interface Activity {
  /** For a person: "PowerCycle (id …)" or "the restore policy". */
  readonly what: string;
  /** Whether a command may take its place now. Only automatic acts, and only while they wait. */
  interruptible: boolean;
  /** Aborted when a command takes its place, and when the agent stops. */
  readonly controller: AbortController;
}

/** A driver opened for one node's interface, and what runs on it and is remembered of it. */
export class Endpoint {
  port: PowerPort | undefined;
  /** Why there is no port. */
  failure: string | undefined = "it is being opened";
  actions: readonly EndpointAction[] = [];
  memory: EndpointMemory;
  /** Asks for a reading and a report soon. */
  poke: () => void = () => {};
  /** Is told of every reading. */
  onReading:
    | ((reading: PowerReading | PortError, undisturbed: boolean, askedMs: number) => void)
    | undefined;
  #activity: Activity | undefined;
  /** Counts beginnings and ends of activities. */
  #changes = 0;
  /** Readings may overlap: what was asked later is the later word. */
  #asked = 0;
  #heard = 0;
  #idle: (() => void)[] = [];

  constructor(
    public desired: DesiredEndpoint,
    memory: EndpointMemory | undefined,
    readonly clock: Clock,
    readonly log: AgentLog,
    private readonly journal: Pick<Journal, "remember">,
    /** Through which its supply is switched on, and which learns from its readings. */
    readonly gate: StartGate,
  ) {
    this.memory = memory ?? NO_MEMORY;
    gate.remember(this.id, measuredDraw(this.memory));
  }

  get id(): DesiredEndpoint["endpoint"] {
    return this.desired.endpoint;
  }

  get activity(): Activity | undefined {
    return this.#activity;
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

  /** Reads the device. @throws PortError, or the signal's reason when that was aborted */
  async sense(signal: AbortSignal, options: ReadOptions = {}): Promise<PowerReading> {
    const { port } = this;
    if (!port) throw new PortError("unreachable", `${this.id} is not open: ${this.failure ?? ""}`);
    const changes = this.#changes;
    const number = ++this.#asked;
    const askedMs = this.clock.monotonicMs();
    const undisturbed = (): boolean => this.#changes === changes && this.#activity === undefined;
    try {
      const reading = await withDeadline(
        this.clock,
        READ_WITHIN,
        signal,
        `The device of ${this.id}`,
        (within) => port.read(within, options),
      );
      this.#hear(number, reading.supply);
      this.onReading?.(reading, undisturbed(), askedMs);
      return reading;
    } catch (error) {
      if (error instanceof PortError) {
        this.#hear(number, "Unknown");
        this.onReading?.(error, undisturbed(), askedMs);
      }
      throw error;
    }
  }

  #hear(number: number, supply: PowerReading["supply"]): void {
    if (number < this.#heard) return;
    this.#heard = number;
    this.gate.seen(this.id, supply);
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
