import { isDeepStrictEqual } from "node:util";
import type {
  AgentDesired,
  DescribedEndpoint,
  DesiredEndpoint,
  EndpointAction,
} from "@outrider/contracts/agent";
import { milliseconds, seconds, type Clock } from "@outrider/contracts/clock";
import type { EndpointId } from "@outrider/contracts/ids";
import { loadDriver } from "@outrider/drivers/registry";
import { isPortKind, openDriver, PORT_KINDS } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import type { NativeAction, PowerPort } from "@outrider/ports/power-port";
import { isStorageError } from "@outrider/storage/storage-error";
import { NO_MEMORY, type EndpointMemory } from "./command-record.js";
import { Endpoint } from "./endpoint.js";
import { EndpointMonitor, type MonitorOptions } from "./endpoint-monitor.js";
import type { Guardian } from "./guardian.js";
import type { Journal, MemoryPatch } from "./journal.js";
import type { AgentLog } from "./log.js";
import { openInTime } from "./open-in-time.js";
import type { StartGate } from "./start-gate.js";

const OPEN_WITHIN = seconds(10);
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

export interface BindingsOptions extends MonitorOptions {
  readonly guardian: Guardian;
  readonly clock: Clock;
  readonly log: AgentLog;
  readonly journal: Journal;
  /** Is told which endpoints belong to which power domain. */
  readonly gate: StartGate;
  /** What the journal remembered at the start. */
  readonly memories: ReadonlyMap<string, EndpointMemory>;
  /** Is told when what {@link Bindings.described} says may differ. */
  readonly changed: () => void;
}

interface Binding {
  readonly endpoint: Endpoint;
  monitor: EndpointMonitor | undefined;
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
    return sorted.map(({ endpoint: { desired, failure, actions, memory } }) => ({
      endpoint: desired.endpoint,
      node: desired.node,
      port: desired.port,
      driver: desired.driver,
      state: failure === undefined ? "bound" : "failed",
      actions: [...actions],
      ...(failure === undefined ? {} : { reason: failure.slice(0, 1000) }),
      ...(memory.fault === undefined ? {} : { fault: memory.fault }),
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
    const forgetting = gate.configure({ endpoints, domains }).map((id) => this.#forgetDraw(id));
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
    if (binding.monitor) this.options.guardian.attend(binding.endpoint);
  }

  /** From now on open endpoints are sampled and cared for. Until then they are only there for recovery. */
  attend(): void {
    this.#attended = true;
    for (const binding of this.#bindings.values()) this.#attend(binding);
  }

  /** Reads and reports everything again. */
  repeat(): void {
    for (const { monitor } of this.#bindings.values()) monitor?.repeat();
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
    endpoint.poke();
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
    const { clock, log, journal, gate } = this.options;
    const memory = this.#memories.get(desired.endpoint);
    const endpointLog = log.with({
      node: desired.node,
      endpoint: desired.endpoint,
      driver: desired.driver,
    });
    const binding: Binding = {
      endpoint: new Endpoint(desired, memory, clock, endpointLog, journal, gate),
      monitor: undefined,
      closed: new AbortController(),
    };
    this.#bindings.set(desired.endpoint, binding);
    await this.#open(binding, FIRST_RETRY_MS);
  }

  async #open(binding: Binding, retryMs: number): Promise<void> {
    const { endpoint, closed } = binding;
    const { clock, changed, defect } = this.options;
    try {
      const { port, actions } = await openPort(endpoint, clock, closed.signal);
      if (closed.signal.aborted) {
        await port[Symbol.asyncDispose]();
        return;
      }
      Object.assign(endpoint, { port, actions, failure: undefined });
      endpoint.log.info({}, "endpoint opened");
      this.#attend(binding);
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

  #attend(binding: Binding): void {
    const { endpoint } = binding;
    if (!this.#attended || endpoint.failure !== undefined || binding.monitor) return;
    this.options.guardian.attend(endpoint);
    binding.monitor = new EndpointMonitor(endpoint, this.options);
  }

  async #close({ endpoint, monitor, closed }: Binding): Promise<void> {
    closed.abort();
    await monitor?.[Symbol.asyncDispose]();
    await endpoint.port?.[Symbol.asyncDispose]();
    endpoint.port = undefined;
  }
}

async function openPort(
  endpoint: Endpoint,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ port: PowerPort; actions: EndpointAction[] }> {
  const { desired, log } = endpoint;
  const kind = desired.port;
  if (!isPortKind(kind)) {
    throw new PortError(
      "unsupported",
      `This agent has no port ${kind}; it has ${PORT_KINDS.join(", ")}. Update the agent, or take the endpoint out of the site file.`,
    );
  }
  if (kind !== "power") {
    throw new PortError("unsupported", `This agent opens no ${kind} endpoints yet. Update it.`);
  }
  const driver = await loadDriver(kind, desired.driver);
  const port = await openInTime({
    clock,
    limit: OPEN_WITHIN,
    signal,
    what: `The driver of ${desired.endpoint}`,
    open: (within) => openDriver(driver, desired.options, { clock, log, signal: within }),
    stuck: (error) => log.error({ err: error }, "what was opened too late could not be closed"),
  });
  return { port, actions: driver.actions.filter((action) => isDoable(action, port)) };
}

/** Whether the device does an action itself, or the agent can make it of the supply. */
function isDoable(action: EndpointAction, port: PowerPort): boolean {
  const composed: readonly EndpointAction[] = ["On", "ForceOff", "PowerCycle"];
  return composed.includes(action) || port.native[action as NativeAction] !== undefined;
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
    isDeepStrictEqual(a.options, b.options)
  );
}
