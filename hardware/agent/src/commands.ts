import type { AgentCommand, CommandReport } from "@outrider/contracts/agent";
import { timestamp, type Clock } from "@outrider/contracts/clock";
import type { EndpointId, NodeId } from "@outrider/contracts/ids";
import type { ReasonCode } from "@outrider/contracts/reasons";
import type { ClockTable } from "@outrider/messaging/clock-table";
import type { Received, Session } from "@outrider/messaging/session";
import { PortError } from "@outrider/ports/port-error";
import { isStorageError } from "@outrider/storage/storage-error";
import type { Answers } from "./answers.js";
import { decide, type GateFacts } from "./command-gate.js";
import { acceptedReport } from "./command-record.js";
import type { CommandRuns } from "./command-runs.js";
import type { Activity, Endpoint } from "./endpoint.js";
import type { Journal } from "./journal.js";
import type { AgentLog } from "./log.js";
import type { Reporter } from "./reporter.js";

export type ReceivedCommand = Received<AgentCommand, { readonly endpoint: string }>;

export interface CommandsOptions {
  readonly clock: Clock;
  readonly log: AgentLog;
  readonly session: Pick<Session, "epoch">;
  readonly clocks: ClockTable;
  readonly journal: Journal;
  readonly reporter: Reporter;
  readonly runs: CommandRuns;
  readonly answers: Answers;
  /** Highest fencing token seen, by node. */
  readonly fences: Map<NodeId, number>;
  readonly endpoint: (id: EndpointId) => Endpoint | undefined;
  /** Aborted when the agent stops. */
  readonly stopped: AbortSignal;
  /** Is told when the highest fence has risen. */
  readonly fenced: () => void;
  /** Is told when an endpoint was given back, whatever came of the command. */
  readonly released: (endpoint: Endpoint) => void;
}

/** Takes commands off the bus, decides, and either runs them or says why not. */
export class Commands {
  readonly #running = new Set<Promise<void>>();
  #refusing = false;

  constructor(private readonly options: CommandsOptions) {}

  /** @returns when the command has been decided and, if accepted, has ended. Rejects only by a defect. */
  receive(message: ReceivedCommand): Promise<void> {
    const { clocks, log, stopped } = this.options;
    if (!message.wasRetained) clocks.sample(message.payload.clock, message.receivedMs);
    const handling = this.#receive(message).catch((error: unknown) => {
      if (stopped.aborted) return;
      if (!isStorageError(error)) throw error;
      // Whoever asked asks again; to answer without the journal could deny what was done.
      const { id, endpoint } = message.payload;
      log.error({ err: error, endpoint, commandId: id }, "a command was not answered");
    });
    this.#running.add(handling);
    return handling.finally(() => this.#running.delete(handling));
  }

  /** From now on nothing is accepted: the session is as good as over. */
  refuse(): void {
    this.#refusing = true;
  }

  /** Resolves when nothing is being decided or done. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  async #receive(message: ReceivedCommand): Promise<void> {
    const { payload: command } = message;
    const { log, reporter, journal, stopped } = this.options;
    let known: CommandReport | undefined;
    let lookedUp = false;
    let supply: GateFacts["supply"] = "not-read";
    for (;;) {
      stopped.throwIfAborted();
      const endpoint = this.options.endpoint(command.endpoint);
      const decision = decide(this.#facts(message, endpoint, known, lookedUp, supply));
      switch (decision.kind) {
        case "drop":
          log.warn(
            { endpoint: message.parameters.endpoint, commandId: command.id },
            "a retained command was dropped: commands are never retained",
          );
          return;
        case "repeat":
          reporter.tell(decision.report);
          return;
        case "look-up": {
          const record = await journal.find(command.id);
          known = record && (record.outcome ?? acceptedReport(record));
          lookedUp = true;
          break;
        }
        case "read": {
          const seen = endpoint && (await endpoint.look(stopped));
          supply = seen instanceof PortError ? { problem: seen.message } : (seen ?? "Unknown");
          break;
        }
        case "reject":
          this.#reject(command, decision.reasonCode, decision.detail);
          return;
        case "accept":
          if (endpoint) await this.#accept(command, endpoint, decision.startWithinMs);
          return;
        default:
          decision satisfies never;
      }
    }
  }

  #facts(
    { payload: command, wasRetained, parameters }: ReceivedCommand,
    endpoint: Endpoint | undefined,
    known: CommandReport | undefined,
    lookedUp: boolean,
    supply: GateFacts["supply"],
  ): GateFacts {
    const { answers, session, clocks, clock, fences } = this.options;
    const { activity } = endpoint ?? {};
    return {
      command,
      addressed: parameters.endpoint,
      retained: wasRetained,
      known: answers.get(command.id) ?? known,
      lookedUp,
      epoch: this.#refusing ? undefined : session.epoch,
      ageMs: clocks.ageMs(command.clock, clock.monotonicMs()),
      highestFence: fences.get(command.node),
      supply,
      endpoint: endpoint && {
        node: endpoint.desired.node,
        failure: endpoint.failure,
        actions: endpoint.actions,
        busyWith: activity?.interruptible === false ? activity.what : undefined,
        fault: endpoint.memory.fault,
      },
    };
  }

  /** From here to the journal nothing waits: two commands cannot both take the endpoint. */
  async #accept(command: AgentCommand, endpoint: Endpoint, startWithinMs: number): Promise<void> {
    const { answers, clock, session, fences, runs, fenced } = this.options;
    const startByMs = clock.monotonicMs() + startWithinMs;
    const activity: Activity = {
      what: `${command.action} (${command.id})`,
      interruptible: false,
      controller: new AbortController(),
    };
    endpoint.begin(activity);
    const said = (report: CommandReport): void => answers.set(report, command.ttlMs);
    said(acceptedReport({ ...command, acceptedAt: timestamp(clock) }));
    const { fence = 0 } = command;
    if (fence > (fences.get(command.node) ?? 0)) {
      fences.set(command.node, fence);
      fenced();
    }
    const mayStart = (): boolean =>
      session.epoch === command.epoch && clock.monotonicMs() <= startByMs;
    const { stopped } = this.options;
    const stop = (): void => activity.controller.abort(stopped.reason);
    stopped.addEventListener("abort", stop, { once: true });
    try {
      const end = await runs.run({ command, endpoint, activity, mayStart, startByMs, said });
      if (end.kind === "known") await this.#repeatRecorded(command);
      if (end.kind === "not-recorded") {
        const { error } = end;
        endpoint.log.error(
          { err: error, commandId: command.id },
          "a command could not be recorded, so nothing was done",
        );
        this.#reject(
          command,
          "storage-failed",
          `the journal of the agent could not be written (${error.code}); free disk space on its host`,
        );
      }
    } finally {
      stopped.removeEventListener("abort", stop);
      endpoint.end(activity);
      this.options.released(endpoint);
    }
  }

  async #repeatRecorded(command: AgentCommand): Promise<void> {
    const { journal, reporter, answers, log } = this.options;
    const record = await journal.find(command.id);
    if (!record) return;
    const report = record.outcome ?? acceptedReport(record);
    answers.set(report, command.ttlMs);
    log.warn(
      { commandId: command.id },
      "an id that the journal knows came to the point of acceptance",
    );
    reporter.tell(report);
  }

  #reject(command: AgentCommand, reasonCode: ReasonCode, detail: string): void {
    const { answers, clock, log, reporter } = this.options;
    const { id, endpoint, action, node } = command;
    const report: CommandReport = {
      id,
      endpoint,
      action,
      status: "Rejected",
      terminal: true,
      reasonCode,
      detail: detail.slice(0, 1000),
      endedAt: timestamp(clock),
    };
    answers.set(report, command.ttlMs);
    log.info({ node, endpoint, commandId: id, action, reasonCode }, "command rejected");
    reporter.tell(report);
  }
}
