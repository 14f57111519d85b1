import type { AgentCommand, CommandReport } from "@outrider/contracts/agent";
import { seconds, timestamp, type Clock } from "@outrider/contracts/clock";
import type { Supply } from "@outrider/contracts/power";
import type { Numbered } from "@outrider/messaging/outbox";
import type { PortError } from "@outrider/ports/port-error";
import { isStorageError, type StorageError } from "@outrider/storage/storage-error";
import { clearsFault } from "./attempts.js";
import { acceptedReport, type CommandRecord, type EndpointMemory } from "./command-record.js";
import type { Activity, Endpoint } from "./endpoint.js";
import { crashPoint } from "./failpoints.js";
import { incident } from "./incidents.js";
import type { Journal, MemoryPatch, StoredEvent } from "./journal.js";
import { TOO_LATE, type Outcome } from "./outcome.js";
import type { Reporter } from "./reporter.js";

/** How often an outcome is tried to be written to a failing disk, once a second. */
const IO_TRIES = 10;

export interface CommandRunsOptions {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly reporter: Reporter;
  /** The present boot of the host. */
  readonly bootId: string | undefined;
}

export interface Start {
  readonly command: AgentCommand;
  readonly endpoint: Endpoint;
  readonly activity: Activity;
  /** Asked again just before the device is: a slow disk must not make a late start. */
  readonly mayStart: () => boolean;
  /** When its time to start is over, by the monotonic clock. */
  readonly startByMs: number;
  /** Is told each time when something else is to be said about the command. */
  readonly said: (report: CommandReport) => void;
}

export type RunEnd =
  /** Its outcome is in the journal and on its way. */
  | { readonly kind: "ended" }
  /** The journal has its id from before: nothing was done. */
  | { readonly kind: "known" }
  /** It could not be recorded, so nothing was done. */
  | { readonly kind: "not-recorded"; readonly error: StorageError };

/** Commands from their acceptance to their outcome: journal, then act, then journal, then report. */
export class CommandRuns {
  constructor(private readonly options: CommandRunsOptions) {}

  /**
   * Accepts and does a command on an endpoint that it has taken.
   * @throws the reason of the activity's signal when the agent stopped in the middle: the journal has it open
   */
  async run(start: Start): Promise<RunEnd> {
    const { command, endpoint, activity, mayStart, said } = start;
    const { journal, clock, reporter } = this.options;
    const { signal } = activity.controller;
    const acceptedAt = timestamp(clock);
    const patch = this.#patchOf(command, endpoint);
    crashPoint("agent.before-accept");
    // Looking changes nothing, so it need not wait for the disk.
    const looking = endpoint.look(signal);
    looking.catch(() => undefined);
    try {
      if (!(await journal.accept({ command, acceptedAt, patch }))) return { kind: "known" };
    } catch (error) {
      if (!isStorageError(error)) throw error;
      return { kind: "not-recorded", error };
    }
    // Only now: what the guardian was writing when the command took its place is held by now.
    const formerly = endpoint.memory;
    endpoint.hold(patch);
    endpoint.accepted(command.action);
    crashPoint("agent.accepted");
    const { id, action, actor, via } = command;
    endpoint.log.info({ commandId: id, action, actor, via }, "command accepted");
    const running = acceptedReport({ ...command, acceptedAt });
    said(running);
    reporter.tell(running);
    const before = await looking;
    const outcome = mayStart()
      ? await this.#execute(start, before, (detail) => {
          const progress = { ...running, status: "InProgress" as const, detail };
          said(progress);
          reporter.tell(progress);
        })
      : TOO_LATE;
    const undo = undoOf(command, outcome, patch, formerly);
    said(
      await this.end({ ...command, acceptedAt }, endpoint, activity, {
        ...outcome,
        patch: { ...undo, ...outcome.patch },
      }),
    );
    return { kind: "ended" };
  }

  /**
   * Records the outcome of a command, gives its endpoint back and reports. What was done is not forgotten because a
   * disk is full: this goes on until it is recorded.
   */
  async end(
    command: Pick<CommandRecord, "id" | "action" | "acceptedAt" | "via" | "actor">,
    endpoint: Endpoint,
    activity: Activity,
    outcome: Outcome,
  ): Promise<CommandReport> {
    const { clock, reporter } = this.options;
    const { id: on, memory } = endpoint;
    const cleared =
      memory.fault !== undefined && clearsFault(command) && outcome.nothingDone === undefined;
    const patch = {
      ...settled(command, outcome.patch, memory),
      ...(cleared ? { fault: undefined } : {}),
    };
    const report = terminalReport({ ...command, endpoint: on }, outcome, clock);
    const incidents: StoredEvent[] = [];
    if (cleared) {
      incidents.push(incident(clock, on, "fault-cleared", `${command.actor} commanded On`));
    } else if (patch.fault !== undefined) {
      incidents.push(incident(clock, on, "fault-latched", patch.fault));
    }
    crashPoint("agent.verified");
    const event = await this.#recorded(command, report, patch, incidents, endpoint, activity);
    endpoint.hold(patch);
    endpoint.end(activity);
    crashPoint("agent.committed");
    reporter.news(event);
    const { id, action, status, reasonCode, detail } = report;
    endpoint.log.info({ commandId: id, action, status, reasonCode, detail }, "command ended");
    if (incidents.length > 0) endpoint.changed();
    return report;
  }

  #execute(
    { command, endpoint, activity, mayStart, startByMs }: Start,
    before: Supply | PortError,
    progress: (detail: string) => void,
  ): Promise<Outcome> {
    const { journal } = this.options;
    return endpoint.execute({
      command,
      activity,
      before,
      mayStart,
      startByMs,
      progress,
      recordStep: async (step) => {
        try {
          await journal.recordStep(command.id, step);
        } catch (error) {
          if (!isStorageError(error)) throw error;
          endpoint.log.error(
            { err: error, commandId: command.id, step },
            "a step could not be recorded; going on",
          );
        }
      },
    });
  }

  async #recorded(
    command: Pick<CommandRecord, "actor" | "via">,
    report: CommandReport & { readonly endedAt: string },
    patch: MemoryPatch,
    incidents: readonly StoredEvent[],
    endpoint: Endpoint,
    activity: Activity,
  ): Promise<Numbered<StoredEvent>> {
    const { journal, clock } = this.options;
    for (let tries = 1; ; tries++) {
      try {
        return await journal.end(command, report, patch, incidents);
      } catch (error) {
        // A disk that is full can be emptied; one that fails for long is better met by a new start and its recovery.
        const mayPass = isStorageError(error, "full", "busy");
        if (!mayPass && !(isStorageError(error, "io") && tries < IO_TRIES)) throw error;
        endpoint.log.error(
          { err: error, commandId: report.id },
          "an outcome could not be recorded; trying again",
        );
        await clock.sleep(seconds(1), activity.controller.signal);
      }
    }
  }

  /** What accepting a command makes the agent remember. {@link undoOf} takes it back. */
  #patchOf(command: AgentCommand, { memory }: Endpoint): MemoryPatch {
    const { bootId } = this.options;
    // Whoever commands the supply decides about it: no policy steps in.
    const decided = bootId === undefined ? {} : { bootId };
    switch (command.action) {
      case "On":
        return {
          ...decided,
          commanded: "On",
          // A latched fault stays until the device was asked.
          attempts: clearsFault(command) ? 0 : memory.attempts + 1,
        };
      case "ForceOff":
        return { ...decided, commanded: "Off", owed: undefined };
      case "PowerCycle":
        return { ...decided, commanded: "On", attempts: 0 };
      case "GracefulShutdown":
      case "PushPowerButton":
        // A supply that goes off after this does so on purpose.
        return memory.owed === "late-cycle" ? { owed: undefined } : {};
      case "ForceRestart":
      case "Nmi":
      case "Wake":
        return {};
      default:
        return command.action satisfies never;
    }
  }
}

/**
 * An On that is owed stays so until the supply is on, or cannot be brought on: a command that wanted the same and did
 * not reach the device has not paid it. A ForceOff wants the contrary, and has settled it when it was accepted. What
 * may go off yet is not kept from it by an On.
 */
function settled(
  { action }: Pick<CommandRecord, "action">,
  patch: MemoryPatch,
  { owed }: EndpointMemory,
): MemoryPatch {
  const wantedOn = action === "PowerCycle" || (action === "On" && owed !== "late-cycle");
  const paid = patch.seen === "On" || patch.fault !== undefined;
  return wantedOn && paid ? { owed: undefined, ...patch } : patch;
}

/** The last word about a command. */
export function terminalReport(
  command: Pick<CommandRecord, "id" | "action" | "acceptedAt" | "endpoint">,
  { status, reasonCode, detail, changed }: Outcome,
  clock: Clock,
): CommandReport & { readonly endedAt: string } {
  const { id, endpoint, action, acceptedAt } = command;
  return {
    id,
    endpoint,
    action,
    status,
    terminal: true,
    ...(reasonCode === undefined ? {} : { reasonCode }),
    ...(detail === undefined ? {} : { detail: detail.slice(0, 1000) }),
    ...(changed === undefined ? {} : { changed }),
    startedAt: acceptedAt,
    endedAt: timestamp(clock),
  };
}

/**
 * Takes back what the acceptance of a command that did nothing has made the agent remember: what was commanded before
 * it still holds, and so does what is owed. A policy's `On` that the device refused was an attempt and stays counted.
 */
function undoOf(
  { action, via }: Pick<CommandRecord, "action" | "via">,
  { nothingDone }: Outcome,
  patch: MemoryPatch,
  formerly: EndpointMemory,
): MemoryPatch {
  if (nothingDone === undefined) return {};
  const former = Object.fromEntries(
    Object.keys(patch).map((key) => [key, formerly[key as keyof EndpointMemory]]),
  ) as MemoryPatch;
  const isAttempt = nothingDone === "refused" && action === "On" && via === "policy";
  return isAttempt ? { ...former, attempts: patch.attempts ?? formerly.attempts } : former;
}
