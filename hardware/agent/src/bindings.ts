import { isDeepStrictEqual } from "node:util";
import type {
  AgentDesired,
  DescribedEndpoint,
  DesiredEndpoint,
  EndpointAction,
} from "@outrider/contracts/agent";
import { milliseconds, seconds, type Clock } from "@outrider/contracts/clock";
import type { EndpointId, InterfaceKind } from "@outrider/contracts/ids";
import { withDeadline } from "@outrider/ports/deadline";
import type { DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { isStorageError } from "@outrider/storage/storage-error";
import { NO_MEMORY, type EndpointMemory } from "./command-record.js";
import type { Endpoint, EndpointParts } from "./endpoint.js";
import type { Journal, MemoryPatch } from "./journal.js";
import type { AgentLog } from "./log.js";
import type { StartGate } from "./start-gate.js";
import { UnknownEndpoint } from "./unknown-endpoint.js";

/** A device that takes longer to be let go is left to itself. */
const CLOSE_WITHIN = seconds(10);
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

/** Makes the endpoints of each kind that this agent knows. */
export type EndpointKinds = Readonly<
  Partial<Record<InterfaceKind, (parts: EndpointParts) => Endpoint>>
>;

export interface BindingsOptions {
  readonly kinds: EndpointKinds;
  readonly clock: Clock;
  readonly log: AgentLog;
  readonly journal: Journal;
  /** Where the drivers are; missing: ours. */
  readonly drivers?: URL | undefined;
  /** Resolves the secrets that options refer to. */
  readonly secrets: DriverContext["secret"];
  /** Finds the programs that options name. */
  readonly programs: DriverContext["program"];
  /** Is told which endpoints belong to which power domain. */
  readonly gate: StartGate;
  /** What the journal remembered at the start. */
  readonly memories: ReadonlyMap<string, EndpointMemory>;
  /** Is told when what {@link Bindings.described} says may differ. */
  readonly changed: () => void;
  readonly defect: (error: unknown) => void;
}

interface Binding {
  readonly endpoint: Endpoint;
  /** Aborted when the endpoint is closed: ends opening and trying again. */
  readonly closed: AbortController;
}

/** The endpoints that the agent shall have, as far as they can be opened. One that cannot does not disturb the others. */
export class Bindings {
  readonly #bindings = new Map<EndpointId, Binding>();
  readonly #memories: Map<string, EndpointMemory>;
  #wanted: ReadonlyMap<EndpointId, DesiredEndpoint> = new Map();
  /** Endpoints that are being changed; each ends as it is wanted by then. */
  readonly #changing = new Map<EndpointId, Promise<void>>();
  #attended = false;
  generation = 0;

  constructor(private readonly options: BindingsOptions) {
    this.#memories = new Map(options.memories);
  }

  get(id: EndpointId): Endpoint | undefined {
    return this.#bindings.get(id)?.endpoint;
  }

  described(): DescribedEndpoint[] {
    const sorted = [...this.#bindings.values()].toSorted((a, b) =>
      a.endpoint.id < b.endpoint.id ? -1 : 1,
    );
    return sorted.map(({ endpoint, endpoint: { desired, failure, notice, actions, memory } }) => ({
      endpoint: desired.endpoint,
      node: desired.node,
      port: desired.port,
      driver: desired.driver,
      state: failure === undefined ? "bound" : "failed",
      actions: [...actions],
      ...reasonOf(failure ?? notice),
      ...(memory.fault === undefined ? {} : { fault: memory.fault }),
      ...endpoint.traits,
    }));
  }

  /**
   * Opens what is new, closes what is gone, and leaves what is the same alone. An endpoint with a command under way is
   * changed when that has ended; the limits of power domains hold at once, and nothing else waits for it. A newer
   * configuration takes the place of one that waits.
   * @returns when each endpoint was tried once
   */
  async apply({ generation, endpoints, domains = [] }: AgentDesired): Promise<void> {
    const { gate, log, changed } = this.options;
    const supplies = endpoints.filter(({ port }) => port === "power");
    const forgetting = gate
      .configure({ endpoints: supplies, domains })
      .map((id) => this.#forgetDraw(id));
    const wanted = new Map(endpoints.map((desired) => [desired.endpoint, desired]));
    this.#wanted = wanted;
    const changes = [...new Set([...this.#bindings.keys(), ...wanted.keys()])].map((id) =>
      this.#change(id),
    );
    changed();
    await Promise.all([...changes, ...forgetting]);
    if (this.#wanted !== wanted) return;
    this.generation = generation;
    log.info({ generation, endpoints: endpoints.length }, "the configuration is applied");
    changed();
  }

  /**
   * Holds a change that is in the journal and that nobody made by way of an endpoint, because there was none. What it
   * leaves owed is done as soon as the endpoint is there.
   */
  hold(id: EndpointId, patch: MemoryPatch): void {
    const binding = this.#bindings.get(id);
    if (!binding) {
      this.#memories.set(id, { ...NO_MEMORY, ...this.#memories.get(id), ...patch });
      return;
    }
    binding.endpoint.hold(patch);
    this.#attend(binding.endpoint);
  }

  /** Something is about to be done with a supply: what runs on the other endpoints of its node may make no sense any more. */
  overtake({ id, desired: { node } }: Endpoint, action: EndpointAction): void {
    for (const { endpoint } of this.#bindings.values()) {
      if (endpoint.desired.node === node && endpoint.id !== id) endpoint.overtaken(action);
    }
  }

  /** From now on open endpoints are sampled and cared for. Until then they are only there for recovery. */
  attend(): void {
    this.#attended = true;
    for (const { endpoint } of this.#bindings.values()) this.#attend(endpoint);
  }

  /** Reads and reports everything again. */
  repeat(): void {
    for (const { endpoint } of this.#bindings.values()) endpoint.repeat();
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#changing.values());
    await Promise.all([...this.#bindings.values()].map((binding) => this.#close(binding)));
  }

  async #forgetDraw(id: EndpointId): Promise<void> {
    const { journal, log } = this.options;
    const patch = { runningWatts: undefined, startingWatts: undefined };
    this.hold(id, patch);
    try {
      await journal.remember(id, patch);
    } catch (error) {
      if (!isStorageError(error)) throw error;
      log.error(
        { err: error, endpoint: id },
        "that a measured draw is forgotten could not be recorded; it may count again after the next start",
      );
    }
  }

  /** Makes an endpoint what it is wanted to be, whatever that is by the time in which it can be changed. */
  #change(id: EndpointId): Promise<void> {
    const changing = this.#changing.get(id);
    if (changing) return changing;
    if (this.#isAsWanted(id)) return Promise.resolve();
    // It waits at least once, so that it is never over before it is held.
    const change = this.#changed(id);
    this.#changing.set(id, change);
    return change;
  }

  async #changed(id: EndpointId): Promise<void> {
    try {
      do {
        const binding = this.#bindings.get(id);
        if (binding) await this.#remove(binding);
        const desired = this.#wanted.get(id);
        if (desired) await this.#add(desired);
      } while (!this.#isAsWanted(id));
    } finally {
      // In the same moment as the last look: who wants something else from now on begins anew.
      this.#changing.delete(id);
    }
    this.options.changed();
  }

  /** Whether nothing is to be opened or closed. Policy and sampling are read where they are used, and taken over. */
  #isAsWanted(id: EndpointId): boolean {
    const endpoint = this.#bindings.get(id)?.endpoint;
    const desired = this.#wanted.get(id);
    if (!endpoint || !desired) return endpoint === undefined && desired === undefined;
    if (!isSame(desired, endpoint.desired)) return false;
    endpoint.desired = desired;
    endpoint.changed();
    return true;
  }

  async #remove(binding: Binding): Promise<void> {
    const { endpoint } = binding;
    endpoint.failure = "its configuration is being changed";
    await endpoint.idle();
    await this.#close(binding);
    this.#memories.set(endpoint.id, endpoint.memory);
    this.#bindings.delete(endpoint.id);
  }

  async #add(desired: DesiredEndpoint): Promise<void> {
    const { clock, log, journal, kinds, drivers, secrets, programs } = this.options;
    const { endpoint: id, node, port, driver } = desired;
    const parts: EndpointParts = {
      desired,
      memory: this.#memories.get(id),
      clock,
      log: log.with({ node, endpoint: id, driver }),
      journal,
      drivers,
      secrets,
      programs,
    };
    const endpoint = kinds[port]?.(parts) ?? new UnknownEndpoint(parts);
    const binding = { endpoint, closed: new AbortController() };
    this.#bindings.set(id, binding);
    await this.#open(binding, FIRST_RETRY_MS);
  }

  async #open(binding: Binding, retryMs: number): Promise<void> {
    const { endpoint, closed } = binding;
    const { changed, defect } = this.options;
    try {
      await endpoint.open(closed.signal);
      // In the moment in which it was closed: what closed it has not seen what was opened.
      if (closed.signal.aborted) return await this.#closeInTime(endpoint);
      endpoint.failure = undefined;
      endpoint.log.info({}, "endpoint opened");
      this.#attend(endpoint);
    } catch (error) {
      if (closed.signal.aborted) return;
      // Whatever is wrong with one driver, the other nodes are still to be looked after.
      const reason = error instanceof Error ? error.message : String(error);
      const lasting = error instanceof PortError && isLasting(error);
      if (endpoint.failure !== reason) {
        endpoint.failure = reason;
        endpoint.log.error(
          { err: error instanceof PortError ? undefined : error, reason },
          "endpoint not opened",
        );
      }
      endpoint.changed();
      if (!lasting) this.#retry(binding, retryMs).catch(defect);
    }
    changed();
  }

  async #retry(binding: Binding, retryMs: number): Promise<void> {
    const { signal } = binding.closed;
    try {
      await this.options.clock.sleep(milliseconds(retryMs), signal);
    } catch {
      return;
    }
    await this.#open(binding, Math.min(retryMs * 2, LONGEST_RETRY_MS));
  }

  #attend(endpoint: Endpoint): void {
    if (this.#attended && endpoint.failure === undefined) endpoint.attend();
  }

  async #close({ endpoint, closed }: Binding): Promise<void> {
    closed.abort();
    await this.#closeInTime(endpoint);
  }

  /** One device that does not let go of itself must not keep a configuration from being applied. */
  async #closeInTime(endpoint: Endpoint): Promise<void> {
    const { clock } = this.options;
    const never = new AbortController().signal;
    const what = `Closing ${endpoint.id}`;
    try {
      await withDeadline(clock, CLOSE_WITHIN, never, what, () => endpoint.close());
    } catch (error) {
      endpoint.log.error({ err: error }, "an endpoint could not be closed properly");
    }
  }
}

function reasonOf(reason: string | undefined): { readonly reason?: string } {
  return reason === undefined ? {} : { reason: reason.slice(0, 1000) };
}

/** Whether trying again is of no use until the configuration is another one. */
function isLasting({ code }: PortError): boolean {
  return code === "invalid-options" || code === "unsupported";
}

/** Whether an open port can stay as it is. */
function isSame(a: DesiredEndpoint, b: DesiredEndpoint): boolean {
  return (
    a.node === b.node &&
    a.port === b.port &&
    a.driver === b.driver &&
    isDeepStrictEqual(a.options, b.options) &&
    isDeepStrictEqual(a.needs, b.needs)
  );
}
