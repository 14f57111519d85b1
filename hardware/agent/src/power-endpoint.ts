import type { EndpointAction } from "@outrider/contracts/agent";
import { milliseconds, seconds, type Duration } from "@outrider/contracts/clock";
import type { Tested } from "@outrider/contracts/agent-request";
import type { Supply } from "@outrider/contracts/power";
import { withDeadline } from "@outrider/ports/deadline";
import { PortError } from "@outrider/ports/port-error";
import {
  USUAL_ANSWER,
  type AnswersWithin,
  type NativeAction,
  type PowerPort,
  type PowerReading,
  type ReadOptions,
} from "@outrider/ports/power-port";
import { measuredDraw, type CommandRecord } from "./command-record.js";
import { Endpoint, type Activity, type EndpointParts } from "./endpoint.js";
import { EndpointMonitor } from "./endpoint-monitor.js";
import type { Guardian } from "./guardian.js";
import { openPort } from "./open-port.js";
import type { Execution, Outcome } from "./outcome.js";
import { executePower } from "./power-execution.js";
import { recoverPower } from "./power-recovery.js";
import type { Reporter } from "./reporter.js";
import type { StartGate } from "./start-gate.js";
import { trySense } from "./supply.js";
import { failed, saw, tested } from "./tested.js";

const AFTER_ITS_OWN = seconds(1);

export interface PowerParts {
  /** Through which its supply is switched on, and which learns from its readings. */
  readonly gate: StartGate;
  readonly guardian: Pick<Guardian, "attend" | "seen" | "measured">;
  readonly reporter: Pick<Reporter, "observe">;
  /** The present boot of the host. */
  readonly bootId: string | undefined;
  /** Is told before something is done with the supply, by whomever. */
  readonly overtakes: (endpoint: Endpoint, action: EndpointAction) => void;
  readonly defect: (error: unknown) => void;
}

/** A supply: it is read regularly, cared for by the guardian, and switched through the gate of its power domain. */
export class PowerEndpoint extends Endpoint {
  port: PowerPort | undefined;
  readonly gate: StartGate;
  /** Asks for a reading and a report soon. */
  poke: () => void = () => {};
  /** Is told of every reading. */
  onReading:
    | ((reading: PowerReading | PortError, undisturbed: boolean, askedMs: number) => void)
    | undefined;
  #opened: AsyncDisposable | undefined;
  #monitor: EndpointMonitor | undefined;
  /** Readings may overlap: what was asked later is the later word. */
  #asked = 0;
  #heard = 0;

  constructor(
    parts: EndpointParts,
    private readonly power: PowerParts,
  ) {
    super(parts);
    this.gate = power.gate;
    this.gate.remember(this.id, measuredDraw(this.memory));
  }

  async open(signal: AbortSignal): Promise<void> {
    const opened = await openPort("power", this, signal);
    const { driver, port } = opened;
    this.#opened = opened;
    this.port = port;
    this.actions = driver.actions.filter((action) => isDoable(action, port));
  }

  async close(): Promise<void> {
    await this.#monitor?.[Symbol.asyncDispose]();
    this.#monitor = undefined;
    const opened = this.#opened;
    this.#opened = undefined;
    this.port = undefined;
    await opened?.[Symbol.asyncDispose]();
  }

  override attend(): void {
    const { clock } = this;
    this.power.guardian.attend(this);
    this.#monitor ??= new EndpointMonitor(this, { clock, ...this.power });
  }

  override changed(): void {
    this.poke();
  }

  override repeat(): void {
    this.#monitor?.repeat();
  }

  override accepted(action: EndpointAction): void {
    this.gate.commanded(this.id, action);
    this.overtakes(action);
  }

  /** What runs on the other endpoints of its node may make no sense after this. */
  overtakes(action: EndpointAction): void {
    this.power.overtakes(this, action);
  }

  override released(): void {
    this.power.guardian.attend(this);
  }

  look(signal: AbortSignal): Promise<Supply | PortError> {
    return trySense(this, signal);
  }

  execute(execution: Execution): Promise<Outcome> {
    return executePower({ ...execution, endpoint: this });
  }

  async test(signal: AbortSignal): Promise<Tested> {
    try {
      const { supply, supplyEvidence, host, hostEvidence, drawWatts, problem } =
        await this.sense(signal);
      const draw = drawWatts === undefined ? "" : `, draws ${drawWatts} W`;
      return tested(
        {
          ok: supply !== "Unknown",
          what: `It was read: supply ${supply} (${supplyEvidence}), host ${host} (${hostEvidence})${draw}.`,
        },
        ...(problem === undefined ? [] : [{ ok: false, what: problem }]),
        saw(`It could be told ${this.actions.join(", ")}. Nothing was switched.`),
      );
    } catch (error) {
      return tested(failed(error));
    }
  }

  recover(
    record: CommandRecord,
    activity: Activity,
    conclude: (outcome: Outcome) => Promise<void>,
  ): Promise<void> {
    const { journal } = this;
    const { bootId } = this.power;
    return recoverPower({ record, endpoint: this, activity, journal, bootId, conclude });
  }

  /** Reads the device. @throws PortError, or the signal's reason when that was aborted */
  async sense(signal: AbortSignal, options: ReadOptions = {}): Promise<PowerReading> {
    const { port } = this;
    if (!port) throw new PortError("unreachable", `${this.id} is not open: ${this.failure ?? ""}`);
    const { changes } = this;
    const number = ++this.#asked;
    const askedMs = this.clock.monotonicMs();
    const undisturbed = (): boolean => this.changes === changes && this.activity === undefined;
    try {
      const reading = await withDeadline(
        this.clock,
        this.within("read"),
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

  /** How long its port may take for one call: somewhat longer than by its own deadlines, which say more of what is amiss. */
  within(call: keyof AnswersWithin): Duration {
    const own = this.port?.answersWithin?.[call] ?? 0;
    return milliseconds(Math.max(own, USUAL_ANSWER[call]) + AFTER_ITS_OWN);
  }

  #hear(number: number, supply: PowerReading["supply"]): void {
    if (number < this.#heard) return;
    this.#heard = number;
    this.gate.seen(this.id, supply);
  }
}

/** Whether the device does an action itself, or the agent can make it of the supply. */
function isDoable(action: EndpointAction, port: PowerPort): boolean {
  const composed: readonly EndpointAction[] = ["On", "ForceOff", "PowerCycle"];
  return composed.includes(action) || port.native[action as NativeAction] !== undefined;
}
