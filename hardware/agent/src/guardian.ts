import type { AuditEntry } from "@outrider/audit/audit-entry";
import { milliseconds, minutes, timestamp, type Clock } from "@outrider/contracts/clock";
import type { Supply } from "@outrider/contracts/power";
import { PortError } from "@outrider/ports/port-error";
import { isStorageError } from "@outrider/storage/storage-error";
import { policyIntent, policyOutcome, RECOVERY, RESTORE } from "./actuation.js";
import { RECOVERED_AFTER } from "./attempts.js";
import type { Activity } from "./endpoint.js";
import { incident } from "./incidents.js";
import type { MemoryPatch, StoredEvent } from "./journal.js";
import type { PowerEndpoint } from "./power-endpoint.js";
import { faultText } from "./power-execution.js";
import { bringOn } from "./power-on.js";
import type { Reporter } from "./reporter.js";
import { hasBooted, isLoss, restoreTo, steady, type SteadySupply } from "./restore-policy.js";
import { comesOnByItself, switchSupply, trySense } from "./supply.js";

/** Less than that is what any measurement varies by, and no reason to write to a disk. */
const WRITTEN_WHEN_GROWN_BY = 1.05;
/** How long a cycle may come late: what goes off afterwards does so for another reason. */
const LATE_CYCLE_WITHIN = minutes(2);

export interface GuardianOptions {
  readonly clock: Clock;
  readonly reporter: Pick<Reporter, "news">;
  /** The present boot of the host. Undefined: not known, and no policy has an occasion. */
  readonly bootId: string | undefined;
  /** Aborted when the agent stops. */
  readonly stopped: AbortSignal;
  /** Where a defect goes. */
  readonly defect: (error: unknown) => void;
  /** Is told when a fault was latched. */
  readonly changed: () => void;
}

/**
 * What is done about a supply without a command, and nothing else: finishing what a cycle owes, and the restore policy
 * on its one occasion. Works without the broker. A command takes the place of it whenever it waits.
 */
export class Guardian {
  readonly #onSinceMs = new WeakMap<PowerEndpoint, number>();
  /** Since when those are waited for whose cycle may come late. */
  readonly #onSinceLateMs = new WeakMap<PowerEndpoint, number>();
  readonly #running = new Set<Promise<void>>();
  readonly #noting = new WeakSet<PowerEndpoint>();
  /** Whose supply was seen and could not be recorded yet. */
  readonly #unwritten = new WeakSet<PowerEndpoint>();

  constructor(private readonly options: GuardianOptions) {}

  /** An endpoint is open, and no command runs on it: what is owed is done, and its policy has its occasion. */
  attend(endpoint: PowerEndpoint): void {
    const { bootId } = this.options;
    if (endpoint.activity || endpoint.failure !== undefined) return;
    const { memory } = endpoint;
    this.#onSinceLateMs.delete(endpoint);
    if (memory.owed === "cycle" || memory.owed === "restore")
      this.#start(endpoint, (activity) => this.#payOwed(endpoint, activity));
    else if (hasBooted(memory, bootId))
      this.#start(endpoint, (activity) => this.#booted(endpoint, activity));
    // An endpoint that is new has missed nothing.
    else if (bootId !== undefined && memory.bootId === undefined) this.#note(endpoint, { bootId });
  }

  /** The supply was read, and neither a command nor the guardian had to do with it. */
  seen(endpoint: PowerEndpoint, supply: Supply): void {
    const now = steady(supply);
    const { memory } = endpoint;
    if (now === undefined || endpoint.activity || endpoint.failure !== undefined) return;
    if (now === "Off") this.#onSinceMs.delete(endpoint);
    if (isLoss(memory.seen, now, memory.commanded)) {
      this.#start(endpoint, (activity) => this.#lost(endpoint, activity));
    } else if (memory.seen !== now || this.#unwritten.has(endpoint)) {
      // It counts at once: a loss before it is on the disk is one all the same.
      endpoint.hold({ seen: now });
      if (this.#note(endpoint, { seen: now })) this.#unwritten.delete(endpoint);
      else this.#unwritten.add(endpoint);
    } else if (now === "On") {
      this.#recovered(endpoint);
      this.#stillOn(endpoint);
    }
  }

  /** The draw was measured: the most is remembered, and written when it has grown by more than noise. */
  measured(endpoint: PowerEndpoint, watts: number, askedMs: number): void {
    const grown = endpoint.gate.measured(endpoint.id, watts, askedMs);
    if (!grown || this.#noting.has(endpoint)) return;
    const { runningWatts = 0, startingWatts = 0 } = endpoint.memory;
    const worthIt =
      isNews(grown.runningWatts ?? 0, runningWatts) ||
      isNews(grown.startingWatts ?? 0, startingWatts);
    const patch = { runningWatts: grown.runningWatts, startingWatts: grown.startingWatts };
    if (worthIt) this.#note(endpoint, patch);
  }

  /** Resolves when nothing is being done any more; the stopped signal has been aborted before. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  #recovered(endpoint: PowerEndpoint): void {
    const { clock } = this.options;
    const nowMs = clock.monotonicMs();
    const sinceMs = this.#onSinceMs.get(endpoint) ?? nowMs;
    this.#onSinceMs.set(endpoint, sinceMs);
    const { attempts, fault } = endpoint.memory;
    if (attempts === 0 || fault !== undefined || nowMs - sinceMs < RECOVERED_AFTER) return;
    this.#note(endpoint, { attempts: 0 });
  }

  /** A cycle that has not come in all this time does not come any more. */
  #stillOn(endpoint: PowerEndpoint): void {
    if (endpoint.memory.owed !== "late-cycle") return;
    const nowMs = this.options.clock.monotonicMs();
    const sinceMs = this.#onSinceLateMs.get(endpoint) ?? nowMs;
    this.#onSinceLateMs.set(endpoint, sinceMs);
    if (nowMs - sinceMs >= LATE_CYCLE_WITHIN) this.#note(endpoint, { owed: undefined });
  }

  /** A cycle that nothing was seen of has come: it is brought to its end like any other. */
  async #cameLate(endpoint: PowerEndpoint, activity: Activity): Promise<void> {
    await this.#remember(endpoint, { seen: "Off", owed: "cycle" });
    endpoint.log.warn({}, "the supply went off: a cycle that it was asked for has come late");
    await comesOnByItself(endpoint, activity.controller.signal);
    await this.#payOwed(endpoint, activity);
  }

  async #lost(endpoint: PowerEndpoint, activity: Activity): Promise<void> {
    const { clock } = this.options;
    const { desired, memory, id } = endpoint;
    if (memory.owed === "late-cycle") return this.#cameLate(endpoint, activity);
    const wanted = restoreTo(desired.restore, "loss", "Off", memory.commanded);
    const restores = wanted === "On" && memory.fault === undefined;
    await this.#remember(
      endpoint,
      { seen: "Off", ...(restores ? { owed: "restore" as const } : {}) },
      [incident(clock, id, "supply-lost", lossText(endpoint, restores))],
    );
    endpoint.log.warn(
      { restore: desired.restore, restores },
      "the supply went off without a command",
    );
    if (restores) await this.#payOwed(endpoint, activity);
  }

  /** The policy's occasion after a boot: recorded before anything is done, so that there is only one. */
  async #booted(endpoint: PowerEndpoint, activity: Activity): Promise<void> {
    const { clock, bootId } = this.options;
    const { signal } = activity.controller;
    const supply = await this.#steadySupply(endpoint, signal);
    const { desired, memory, id } = endpoint;
    if (memory.owed === "late-cycle" && supply === "Off") {
      await this.#remember(endpoint, { bootId });
      return this.#cameLate(endpoint, activity);
    }
    const wanted = restoreTo(desired.restore, "boot", supply, memory.commanded);
    const restores = wanted === "On" && memory.fault === undefined;
    const events = isLoss(memory.seen, supply, memory.commanded)
      ? [incident(clock, id, "supply-lost", lossText(endpoint, restores))]
      : [];
    await this.#remember(
      endpoint,
      { bootId, seen: supply, ...(restores ? { owed: "restore" as const } : {}) },
      events,
    );
    if (restores) {
      await this.#payOwed(endpoint, activity);
    } else if (wanted === "Off") {
      signal.throwIfAborted();
      activity.interruptible = false;
      const reason = `after a boot of the agent's host, by the restore policy ${desired.restore}`;
      await this.#remember(endpoint, {}, [], [policyIntent(RESTORE, endpoint, "ForceOff", reason)]);
      signal.throwIfAborted();
      const result = await switchSupply(endpoint, false, signal);
      const done = result.kind === "verified";
      const detail = done
        ? `the supply was switched off after a boot of the agent's host, as the restore policy ${desired.restore} says`
        : `the restore policy ${desired.restore} could not switch the supply off: ${result.problem}`;
      await this.#remember(
        endpoint,
        done ? { seen: "Off" } : {},
        [incident(clock, id, done ? "restored" : "restore-failed", detail)],
        [policyOutcome(RESTORE, id, "ForceOff", done ? "Succeeded" : "Failed")],
      );
    }
  }

  async #steadySupply(endpoint: PowerEndpoint, signal: AbortSignal): Promise<SteadySupply> {
    for (let pauseMs = 250; ; pauseMs = Math.min(10_000, pauseMs * 2)) {
      const supply = await trySense(endpoint, signal);
      const known = supply instanceof PortError ? undefined : steady(supply);
      if (known !== undefined) return known;
      await endpoint.clock.sleep(milliseconds(pauseMs), signal);
    }
  }

  async #payOwed(endpoint: PowerEndpoint, activity: Activity): Promise<void> {
    // What a cycle has taken from a node is kept for it.
    const watts = endpoint.memory.owed === "cycle" ? endpoint.gate.reserve(endpoint.id) : undefined;
    try {
      await this.#bringOn(endpoint, activity);
    } finally {
      watts?.over(true);
    }
  }

  async #bringOn(endpoint: PowerEndpoint, activity: Activity): Promise<void> {
    const { clock, changed } = this.options;
    const { owed, attempts } = endpoint.memory;
    const by = owed === "cycle" ? RECOVERY : RESTORE;
    const end = await bringOn(endpoint, activity, {
      by,
      priority: owed === "cycle" ? "owed" : "restore",
      waiting: (detail) => endpoint.log.info({ owed }, `a power-on waits: ${detail}`),
    });
    const acted = endpoint.memory.attempts > attempts;
    const why =
      owed === "cycle" ? "to finish a cycle" : `by the restore policy ${endpoint.desired.restore}`;
    const { id } = endpoint;
    if (end.kind === "on") {
      const detail = acted
        ? `the supply was switched on ${why}`
        : `the supply is on again; nothing had to be done ${why}`;
      const kind = owed === "cycle" ? "cycle-finished" : "restored";
      await this.#remember(
        endpoint,
        { seen: "On", owed: undefined, ...(owed === "cycle" ? { attempts: 0 } : {}) },
        [incident(clock, id, kind, detail)],
        acted ? [policyOutcome(by, id, "On", "Succeeded")] : [],
      );
      endpoint.log.info({ owed }, detail);
      return;
    }
    const fault = faultText(end.problem);
    const failed = `the supply could not be switched on ${why}: ${end.problem}`;
    await this.#remember(
      endpoint,
      { owed: undefined, fault },
      [
        ...(owed === "cycle" ? [] : [incident(clock, id, "restore-failed", failed)]),
        incident(clock, id, "fault-latched", fault),
      ],
      acted ? [policyOutcome(by, id, "On", "Failed")] : [],
    );
    endpoint.log.error({ owed, fault }, "a fault is latched; On by a person clears it");
    changed();
  }

  /** A journal that cannot be written is no reason to leave a supply as it is: what is known then counts in this process only. */
  async #remember(
    endpoint: PowerEndpoint,
    patch: MemoryPatch,
    events: readonly StoredEvent[] = [],
    audited: readonly AuditEntry[] = [],
  ): Promise<void> {
    try {
      await endpoint.remember(patch, events, audited);
    } catch (error) {
      if (!isStorageError(error, "full", "io", "busy")) throw error;
      endpoint.hold(patch);
      endpoint.log.error(
        { err: error, at: timestamp(this.options.clock) },
        "what is known of an endpoint could not be recorded",
      );
    }
    if (events.length > 0) {
      this.options.reporter.news();
      endpoint.changed();
    }
  }

  /**
   * Records what needs no act, one thing at a time.
   * @returns whether it is being recorded; else what is still so is seen again
   */
  #note(endpoint: PowerEndpoint, patch: MemoryPatch): boolean {
    if (this.#noting.has(endpoint)) return false;
    this.#noting.add(endpoint);
    this.#track(this.#remember(endpoint, patch).finally(() => this.#noting.delete(endpoint)));
    return true;
  }

  #track(work: Promise<void>): void {
    const { stopped, defect } = this.options;
    const running = work
      .catch((error: unknown) => {
        if (!stopped.aborted) defect(error);
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #start(endpoint: PowerEndpoint, run: (activity: Activity) => Promise<void>): void {
    const { stopped } = this.options;
    if (stopped.aborted) return;
    const activity: Activity = {
      what: "the agent's own care",
      interruptible: true,
      controller: new AbortController(),
    };
    const { signal } = activity.controller;
    const stop = (): void => activity.controller.abort(stopped.reason);
    stopped.addEventListener("abort", stop, { once: true });
    endpoint.begin(activity);
    this.#track(
      run(activity)
        .catch((error: unknown) => {
          if (!signal.aborted) throw error;
        })
        .finally(() => {
          stopped.removeEventListener("abort", stop);
          endpoint.end(activity);
        }),
    );
  }
}

/** Less than what is remembered: that was not believed any more. */
function isNews(watts: number, remembered: number): boolean {
  return watts > remembered * WRITTEN_WHEN_GROWN_BY || watts < remembered;
}

function lossText({ desired, memory }: PowerEndpoint, restores: boolean): string {
  const then = restores
    ? `the restore policy ${desired.restore} switches it on again`
    : memory.fault === undefined
      ? `the restore policy ${desired.restore} leaves it`
      : "a fault is latched, so it is left";
  return `the supply went off and nobody had commanded that; ${then}`;
}
