import { isDeepStrictEqual } from "node:util";
import type {
  AgentDesired,
  DescribedEndpoint,
  DesiredEndpoint,
  EndpointAction,
} from "@outrider/contracts/agent";
import { milliseconds, seconds, type Clock } from "@outrider/contracts/clock";
import type { EndpointId, InterfaceKind } from "@outrider/contracts/ids";
import { Notifier } from "@outrider/messaging/notifier";
import { withDeadline } from "@outrider/ports/deadline";
import type { DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { isStorageError } from "@outrider/storage/storage-error";
import { NO_MEMORY, type EndpointMemory } from "./command-record.js";
import { describeEndpoint } from "./describe-endpoint.js";
import type { Endpoint, EndpointParts } from "./endpoint.js";
import type { Journal, MemoryPatch } from "./journal.js";
import type { AgentLog } from "./log.js";
import { ResolvedSecrets } from "./resolved-secrets.js";
import type { StartGate } from "./start-gate.js";
import { UnknownEndpoint } from "./unknown-endpoint.js";

/** A device that takes longer to be let go is left to itself. */
const CLOSE_WITHIN = seconds(10);
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
/** So often is looked whether a secret is another one. */
const RENEW_EVERY = seconds(60);
const BEING_CHANGED = "its configuration is being changed";

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
  readonly secrets: ResolvedSecrets;
  /** Ends the pause before it is tried again. */
  readonly hurry: Notifier;
  /** Told after each try to open it, and when there is no other. */
  readonly tried: Notifier;
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
  /** Those whose secrets are others by now. */
  readonly #outdated = new WeakSet<Endpoint>();
  generation = 0;

  constructor(private readonly options: BindingsOptions) {
    this.#memories = new Map(options.memories);
  }

  get(id: EndpointId): Endpoint | undefined {
    return this.#bindings.get(id)?.endpoint;
  }

  /**
   * An endpoint as it is when it was tried again just now: what a person has put in order on the host counts at once.
   * @returns it, open or with its failure; undefined: there is none
   * @throws the signal's reason
   */
  async triedAgain(id: EndpointId, signal: AbortSignal): Promise<Endpoint | undefined> {
    const binding = this.#bindings.get(id);
    const failure = binding?.endpoint.failure;
    if (binding && failure === undefined) await this.#renew(binding);
    if (binding && failure !== undefined && failure !== BEING_CHANGED) {
      const tried = binding.tried.next(signal);
      binding.hurry.tell();
      await tried;
    }
    return this.get(id);
  }

  described(): DescribedEndpoint[] {
    const sorted = [...this.#bindings.values()].toSorted((a, b) =>
      a.endpoint.id < b.endpoint.id ? -1 : 1,
    );
    return sorted.map(({ endpoint }) => describeEndpoint(endpoint));
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
    if (!isSame(desired, endpoint.desired) || this.#outdated.has(endpoint)) return false;
    endpoint.desired = desired;
    endpoint.changed();
    return true;
  }

  async #remove(binding: Binding): Promise<void> {
    const { endpoint } = binding;
    endpoint.failure = BEING_CHANGED;
    await endpoint.idle();
    await this.#close(binding);
    this.#memories.set(endpoint.id, endpoint.memory);
    this.#bindings.delete(endpoint.id);
  }

  async #add(desired: DesiredEndpoint): Promise<void> {
    const { clock, log, journal, kinds, drivers, secrets, programs } = this.options;
    const { endpoint: id, node, port, driver } = desired;
    const resolved = new ResolvedSecrets(secrets);
    const parts: EndpointParts = {
      desired,
      memory: this.#memories.get(id),
      clock,
      log: log.with({ node, endpoint: id, driver }),
      journal,
      drivers,
      secrets: resolved.resolve,
      programs,
    };
    const endpoint = kinds[port]?.(parts) ?? new UnknownEndpoint(parts);
    const binding = {
      endpoint,
      secrets: resolved,
      hurry: new Notifier(),
      tried: new Notifier(),
      closed: new AbortController(),
    };
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
      if (binding.secrets.areAny) this.#watchSecrets(binding);
      this.#attend(endpoint);
    } catch (error) {
      if (closed.signal.aborted) return;
      // Whatever is wrong with one driver, the other nodes are still to be looked after.
      const reason = error instanceof Error ? error.message : String(error);
      // Files and programs of the host are often put there after the configuration, and what a device lacks may come.
      const pauseMs =
        error instanceof PortError && isDeclaredWrongly(error) ? LONGEST_RETRY_MS : retryMs;
      if (endpoint.failure !== reason) {
        endpoint.failure = reason;
        endpoint.log.error(
          { err: error instanceof PortError ? undefined : error, reason },
          "endpoint not opened",
        );
      }
      endpoint.changed();
      this.#retry(binding, pauseMs).catch(defect);
    }
    binding.tried.tell();
    changed();
  }

  async #retry(binding: Binding, retryMs: number): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([binding.closed.signal, over.signal]);
    try {
      await Promise.race([
        this.options.clock.sleep(milliseconds(retryMs), signal),
        binding.hurry.next(signal),
      ]);
    } catch {
      return;
    } finally {
      over.abort();
    }
    await this.#open(binding, Math.min(retryMs * 2, LONGEST_RETRY_MS));
  }

  #watchSecrets(binding: Binding): void {
    const { clock, defect } = this.options;
    const stop = clock.every(RENEW_EVERY, () => void this.#renew(binding).catch(defect));
    binding.closed.signal.addEventListener("abort", stop, { once: true });
  }

  /** Opens anew what is open with a secret that is another one by now. What runs on it is waited for. */
  async #renew({ endpoint, secrets, closed }: Binding): Promise<void> {
    const isOpen = (): boolean =>
      endpoint.failure === undefined && !closed.signal.aborted && !this.#outdated.has(endpoint);
    // In the meantime it may have been closed, or another look have found the same.
    if (!isOpen() || !(await secrets.haveChanged()) || !isOpen()) return;
    this.#outdated.add(endpoint);
    endpoint.log.info({}, "a secret is another one; the endpoint is opened with that");
    await this.#change(endpoint.id);
  }

  #attend(endpoint: Endpoint): void {
    if (this.#attended && endpoint.failure === undefined) endpoint.attend();
  }

  async #close({ endpoint, closed, tried }: Binding): Promise<void> {
    closed.abort();
    tried.tell();
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

/** Whether trying again is of little use until somebody changes something: the configuration, the host or the device. */
function isDeclaredWrongly({ code }: PortError): boolean {
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
