import type { CommandReport } from "@outrider/contracts/agent";
import type { Clock } from "@outrider/contracts/clock";
import type { EndpointId } from "@outrider/contracts/ids";
import { acceptedReport, type CommandRecord } from "./command-record.js";
import { terminalReport, type CommandRuns } from "./command-runs.js";
import type { Activity, Endpoint } from "./endpoint.js";
import type { Journal, MemoryPatch } from "./journal.js";
import type { Outcome } from "./outcome.js";

export interface RecoverOptions {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly runs: CommandRuns;
  readonly stopped: AbortSignal;
  /** Is told when the endpoint was given back. */
  readonly released: (endpoint: Endpoint) => void;
  /** Is told what the journal now remembers of an endpoint that was not there. */
  readonly remembered: (endpoint: EndpointId, patch: MemoryPatch) => void;
  /** Is told what is now to be said about the command. */
  readonly said: (report: CommandReport) => void;
}

export interface RecoverAllOptions extends RecoverOptions {
  readonly endpoint: (id: EndpointId) => Endpoint | undefined;
  readonly defect: (error: unknown) => void;
}

/** {@link recoverCommand} for each. Their endpoints are taken before this returns; it resolves when all have ended. */
export async function recoverCommands(
  records: readonly CommandRecord[],
  options: RecoverAllOptions,
): Promise<void> {
  const { said, endpoint, stopped, defect } = options;
  const recover = async (record: CommandRecord): Promise<void> => {
    said(acceptedReport(record));
    try {
      await recoverCommand(record, endpoint(record.endpoint), options);
    } catch (error) {
      if (!stopped.aborted) defect(error);
    }
  };
  await Promise.all(records.map(recover));
}

/**
 * Brings a command to its end that a former process left open. Takes the endpoint at once and holds it, so that nothing
 * else runs there before. Resolves when the outcome is in the journal.
 * @throws the reason of `stopped` when the agent stops before
 */
async function recoverCommand(
  record: CommandRecord,
  endpoint: Endpoint | undefined,
  options: RecoverOptions,
): Promise<void> {
  const { runs, stopped, said, remembered, journal, clock } = options;
  if (!endpoint) {
    const outcome = outcomeWithout(record);
    const report = terminalReport(record, outcome, clock);
    await journal.end(record, report, outcome.patch, []);
    remembered(record.endpoint, outcome.patch);
    said(report);
    return;
  }
  const activity: Activity = {
    what: `${record.action} (${record.id}, interrupted)`,
    interruptible: false,
    controller: new AbortController(),
  };
  const stop = (): void => activity.controller.abort(stopped.reason);
  stopped.addEventListener("abort", stop, { once: true });
  endpoint.begin(activity);
  try {
    endpoint.log.warn(
      { commandId: record.id, action: record.action, step: record.step },
      "a command was interrupted; it is brought to its end",
    );
    await endpoint.recover(record, activity, async (outcome) => {
      said(await runs.end(record, endpoint, activity, outcome));
    });
  } finally {
    stopped.removeEventListener("abort", stop);
    endpoint.end(activity);
    options.released(endpoint);
  }
}

/** The endpoint is no longer the agent's: nothing can be read or done. */
function outcomeWithout({ action, endpoint }: CommandRecord): Outcome {
  return {
    status: "Unknown",
    reasonCode: "interrupted",
    detail: `the agent was restarted in the middle of ${action}, and ${endpoint} is not configured any more; look at the node`,
    patch: action === "PowerCycle" ? { owed: "cycle" } : {},
  };
}
