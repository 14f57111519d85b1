import type { ConsoleLine } from "@outrider/console-link/console-line";
import type { ConsoleCondition, DeviceClosing } from "@outrider/console-link/console-stream";
import type { EndpointAction } from "@outrider/contracts/agent";
import type { Tested } from "@outrider/contracts/agent-request";
import { seconds } from "@outrider/contracts/clock";
import { endpointId, type AgentId } from "@outrider/contracts/ids";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import type { CommandRecord } from "../command-record.js";
import { Endpoint, type Activity, type EndpointParts } from "../endpoint.js";
import { openPort } from "../open-port.js";
import { nothingDone, type Execution, type Outcome } from "../outcome.js";
import { recover } from "../recovery.js";
import type { StartGate } from "../start-gate.js";
import { saw, tested } from "../tested.js";
import { ConsoleDevice } from "./console-device.js";
import { DeviceLending } from "./device-lending.js";
import type { ConsoleLink, ConsoleSpool, ConsoleSpools } from "./console-line.js";
import { ConsoleRecorder, type ConsoleCounts } from "./console-recorder.js";
import { shutDownByConsole } from "./graceful-shutdown.js";
import { KernelWords } from "./kernel-words.js";

/** A device that takes longer to be let go is left to itself, and its spool closed. */
const LET_GO_WITHIN = seconds(5);

export interface ConsoleParts {
  readonly agent: AgentId;
  readonly link: Pick<ConsoleLink, "add">;
  /** Why what is read never reaches the console service, and what to set. */
  readonly linkProblem?: string | undefined;
  readonly spools: Pick<ConsoleSpools, "open" | "nowMicros">;
  /** What it adds to. */
  readonly counts?: ConsoleCounts;
  /** Is told that the node's draw may soon be needed again. */
  readonly gate: Pick<StartGate, "commanded">;
}

/** Where what a console says is written, from its opening on. */
interface Recording {
  readonly spool: ConsoleSpool;
  readonly recorder: ConsoleRecorder;
}

/**
 * A console: read from the moment in which it is opened, whether or not anybody looks, into its spool. It is offered
 * to the link as long as it is wanted, also while its driver cannot be opened: why not is then its condition.
 */
export class ConsoleEndpoint extends Endpoint implements ConsoleLine {
  #recording: Recording | undefined;
  #offered: Disposable | undefined;
  #opened: AsyncDisposable | undefined;
  #device: ConsoleDevice | undefined;
  readonly #listeners = new Set<(condition: ConsoleCondition) => void>();
  #said = "";
  /** Ends a shutdown that is under way. */
  #overtake: ((why: Error) => void) | undefined;
  readonly #lending: DeviceLending;

  constructor(
    parts: EndpointParts,
    private readonly console: ConsoleParts,
  ) {
    super(parts);
    this.#lending = new DeviceLending({
      clock: this.clock,
      log: this.log,
      letGo: () => this.#lend(),
      takeBack: (signal) => this.#connect(signal),
      changed: (failure) => {
        this.failure = failure;
        this.changed();
      },
    });
  }

  override get notice(): string | undefined {
    return this.console.linkProblem;
  }

  get address(): ConsoleLine["address"] {
    const { endpoint, node, driver } = this.desired;
    return { agent: this.console.agent, endpoint, node, driver };
  }

  get source(): ConsoleLine["source"] {
    return this.#recorded().spool;
  }

  async open(signal: AbortSignal): Promise<void> {
    this.#recording ??= await this.#begin();
    this.#offered ??= this.console.link.add(this);
    // It is opened when it comes back.
    if (!this.#lending.closing) await this.#connect(signal);
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const { recorder } = this.#recorded();
    const opened = await openPort("console", this, signal);
    const { port } = opened;
    const device = new ConsoleDevice(this.id, port, recorder, this.clock);
    this.#opened = opened;
    this.#device = device;
    this.actions = device.breaks ? ["GracefulShutdown"] : [];
    try {
      signal.throwIfAborted();
      port.start(recorder);
    } catch (error) {
      await this.#letGo();
      throw error;
    }
    this.changed();
  }

  async close(): Promise<void> {
    await this.#lending.stop();
    await this.#letGo();
    this.#offered?.[Symbol.dispose]();
    this.#offered = undefined;
    const recording = this.#recording;
    this.#recording = undefined;
    recording?.recorder.close();
    await recording?.spool[Symbol.asyncDispose]();
  }

  override attend(): void {
    this.changed();
  }

  override changed(): void {
    const condition = this.condition();
    const text = JSON.stringify(condition);
    if (text === this.#said) return;
    this.#said = text;
    for (const listener of this.#listeners) listener(condition);
  }

  override overtaken(action: EndpointAction): void {
    if (OVERTAKES[action]) this.#overtake?.(new Error(`${action} took the place of the shutdown`));
  }

  override accepted(action: EndpointAction): void {
    this.console.gate.commanded(endpointId(this.desired.node, "power"), action);
  }

  async look(): Promise<PortError> {
    return new PortError("unsupported", "A console does not tell what the supply does.");
  }

  async execute({ command, activity, progress }: Execution): Promise<Outcome> {
    const { clock } = this;
    if (command.action !== "GracefulShutdown") {
      throw new TypeError(`a console cannot ${command.action}; the gate lets nothing else through`);
    }
    const device = this.#device;
    const { up, detail } = this.condition();
    if (!device || !up) {
      return nothingDone("not-asked", "unreachable", `${this.id} is down: ${detail ?? ""}`);
    }
    const overtaken = new AbortController();
    this.#overtake = (why) => overtaken.abort(why);
    using words = new KernelWords(this.#recorded().recorder, clock);
    try {
      return await shutDownByConsole({
        press: (key, signal) => device.press(key, signal),
        words,
        signal: activity.controller.signal,
        overtaken: overtaken.signal,
        progress,
      });
    } finally {
      this.#overtake = undefined;
    }
  }

  async recover(
    { action, step }: CommandRecord,
    _activity: Activity,
    conclude: (outcome: Outcome) => Promise<void>,
  ): Promise<void> {
    const recovery = recover(action, step, undefined);
    if (recovery.kind !== "end") throw new TypeError(`a console cannot ${action}`);
    const { kind: _, ...ending } = recovery;
    await conclude({ ...ending, patch: {} });
  }

  async test(): Promise<Tested> {
    const { up, detail, abilities, spoolProblem } = this.condition();
    const { actions } = this;
    const can = [...abilities, ...actions].join(", ") || "nothing beside its bytes";
    return tested(
      { ok: up, what: up ? `It is open and up. It can do ${can}.` : `It is down: ${detail ?? ""}` },
      ...(spoolProblem === undefined ? [] : [{ ok: false, what: spoolProblem }]),
      saw("Nothing was typed, for that would act on the machine."),
    );
  }

  condition(): ConsoleCondition {
    const problem = this.#recording?.spool.problem;
    const { closing } = this.#lending;
    const detail = closing ? closedText(closing) : this.failure;
    const said = this.#device?.condition() ?? { up: false, detail, abilities: [] };
    return {
      ...said,
      ...(closing === undefined ? {} : { closed: closing }),
      ...(problem === undefined ? {} : { spoolProblem: problem }),
    };
  }

  onCondition(callback: (condition: ConsoleCondition) => void): Disposable {
    this.#listeners.add(callback);
    return { [Symbol.dispose]: () => void this.#listeners.delete(callback) };
  }

  async write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#reachable().write(bytes, signal);
  }

  writeNow(bytes: Uint8Array): number {
    return this.#reachable().writeNow(bytes);
  }

  async request(
    request: Parameters<ConsoleLine["request"]>[0],
    signal: AbortSignal,
  ): Promise<void> {
    if (request.kind === "close") await this.#lending.close(request);
    else if (request.kind === "open") await this.#lending.open();
    else await this.#reachable().request(request, signal);
    this.changed();
  }

  async #begin(): Promise<Recording> {
    const { spools, counts } = this.console;
    const spool = await spools.open(this.id);
    const changed = (): void => this.changed();
    spool.onProblem(changed);
    return {
      spool,
      recorder: new ConsoleRecorder(spool, () => spools.nowMicros(), changed, counts),
    };
  }

  /** What it can do it can again when it is back. @throws PortError `refused` while a shutdown goes over it */
  async #lend(): Promise<void> {
    const { actions, activity } = this;
    if (activity) throw new PortError("refused", `${this.id} is busy with ${activity.what}.`);
    await this.#letGo();
    this.actions = actions;
    this.#recorded().recorder.link({ up: false, detail: "It is closed." });
  }

  async #letGo(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    this.#device = undefined;
    this.actions = [];
    if (!opened) return;
    const never = new AbortController().signal;
    const what = `Letting go of the device of ${this.id}`;
    try {
      await withDeadline(this.clock, LET_GO_WITHIN, never, what, async () =>
        opened[Symbol.asyncDispose](),
      );
    } catch (error) {
      this.log.error({ err: error }, "the device of a console could not be let go");
    }
  }

  #recorded(): Recording {
    if (this.#recording) return this.#recording;
    throw new Error(`${this.id} is not offered`);
  }

  #reachable(): ConsoleDevice {
    if (this.#device) return this.#device;
    const { closing } = this.#lending;
    const why = closing ? closedText(closing) : (this.failure ?? "it is closed");
    throw new PortError("unreachable", `${this.id} is not open: ${why}`);
  }
}

function closedText({ actor, until, reason }: DeviceClosing): string {
  const why = reason === undefined ? "" : ` (${reason})`;
  return `${actor} has closed it until ${until}${why}; "outrider console open" takes it back`;
}

/** Whether a shutdown that is under way makes no sense any more once the node was told this. */
const OVERTAKES: Readonly<Record<EndpointAction, boolean>> = {
  On: true,
  ForceOff: true,
  PowerCycle: true,
  ForceRestart: true,
  PushPowerButton: false,
  Nmi: false,
  GracefulShutdown: false,
  Wake: false,
};
