import type { DescribedEndpoint } from "@outrider/contracts/agent";
import type { Tested } from "@outrider/contracts/agent-request";
import { seconds, timestamp } from "@outrider/contracts/clock";
import { QUANTITIES, type Proof, type Quantity } from "@outrider/contracts/reading";
import type { Ports } from "@outrider/ports/driver";
import type { Heartbeat } from "@outrider/ports/heartbeat-port";
import { PortError } from "@outrider/ports/port-error";
import { absenceOf } from "@outrider/ports/sensor-port";
import type { EndpointParts } from "../endpoint.js";
import { PortEndpoint } from "../port-endpoint.js";
import { failed, saw, tested } from "../tested.js";
import { checkedSample, failedSample, type Said } from "./checked-sample.js";
import { heartbeatWords } from "./heartbeat-words.js";
import type { Readings, Taken } from "./readings.js";
import { ReportFilter } from "./report-filter.js";
import { Sampler } from "./sampler.js";

/** As a reading can say it. What a host says of itself beyond that is no uptime. */
const LONGEST_UPTIME_S = 1e10;
const LONGEST_MS = 3_600_000;
/** No device needs longer to say something; their own deadlines are shorter. */
const READ_WITHIN = seconds(12);

export interface SamplingParts {
  readonly readings: Pick<Readings, "take">;
  readonly defect: (error: unknown) => void;
}

/** What is read regularly and told in batches. Each has a turn of its own, so that a slow one keeps up nobody. */
export abstract class SampledEndpoint<P extends "sensor" | "heartbeat"> extends PortEndpoint<P> {
  #last: Taken | undefined;
  #sampler: Sampler | undefined;
  readonly #filter = new ReportFilter();
  /** Until when it is read as something is done with the power of its node, by the monotonic clock. */
  #burstUntilMs = Number.NEGATIVE_INFINITY;

  constructor(
    parts: EndpointParts,
    protected readonly sampling: SamplingParts,
  ) {
    super(parts);
  }

  /** Looks once. @throws PortError · the signal's reason */
  protected abstract sample(signal: AbortSignal): Promise<Said>;
  /** What is said when one could not look. */
  protected abstract failed(error: PortError): Said;

  /** What it gave last, with how old that is, in milliseconds. */
  last(): (Taken & { readonly ageMs: number }) | undefined {
    const last = this.#last;
    return last && { ...last, ageMs: this.clock.monotonicMs() - last.takenMs };
  }

  override attend(): void {
    const { clock } = this;
    this.#sampler ??= new Sampler({
      clock,
      everyMs: () => this.#sampleEveryMs(),
      take: (signal) => this.#take(signal),
      defect: this.sampling.defect,
    });
  }

  /** Another interval counts at once. */
  override changed(): void {
    this.#sampler?.poke();
  }

  /** What a supply does then is what is looked for later. */
  override overtaken(): void {
    const { burst } = this.desired;
    if (!burst) return;
    const isBegun = this.#isBurst();
    this.#burstUntilMs = this.clock.monotonicMs() + burst.forMs;
    if (!isBegun) this.#sampler?.poke();
  }

  #isBurst(): boolean {
    return this.clock.monotonicMs() < this.#burstUntilMs;
  }

  #sampleEveryMs(): number {
    const { sampleEveryMs, burst } = this.desired;
    return burst && this.#isBurst() ? burst.sampleEveryMs : sampleEveryMs;
  }

  override async close(): Promise<void> {
    const sampler = this.#sampler;
    this.#sampler = undefined;
    await sampler?.[Symbol.asyncDispose]();
    await super.close();
  }

  #heard(said: Said): void {
    const { clock, desired } = this;
    const { endpoint, node } = desired;
    const takenMs = clock.monotonicMs();
    const taken = { endpoint, node, at: timestamp(clock), takenMs, said };
    this.#last = taken;
    if (this.#filter.isTold(said, takenMs, desired, this.#isBurst()))
      this.sampling.readings.take(taken);
  }

  async #take(signal: AbortSignal): Promise<void> {
    try {
      this.#heard(await this.sample(signal));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof PortError)) throw error;
      this.#heard(this.failed(error));
    }
  }

  protected read(
    signal: AbortSignal,
    read: (port: Ports[P], signal: AbortSignal) => Promise<Said>,
  ): Promise<Said> {
    return this.ask(READ_WITHIN, signal, read);
  }
}

/** Something that measures. */
export class SensorEndpoint extends SampledEndpoint<"sensor"> {
  protected readonly kind = "sensor";
  #quantities: readonly Quantity[] = [];

  override get traits(): Pick<DescribedEndpoint, "quantities"> {
    return this.#quantities.length > 0 ? { quantities: [...this.#quantities] } : {};
  }

  protected override opened(port: Ports["sensor"]): void {
    this.#quantities = port.quantities;
  }

  protected sample(signal: AbortSignal): Promise<Said> {
    return this.read(signal, async (port, within) =>
      checkedSample(port.quantities, await port.read(within)),
    );
  }

  protected failed(error: PortError): Said {
    return failedSample(this.#quantities, error);
  }

  async test(signal: AbortSignal): Promise<Tested> {
    try {
      const { values = {}, absent = {}, problem } = await this.sample(signal);
      const measured = Object.entries(values).map(([quantity, value]) =>
        saw(`${quantity} is ${value} ${QUANTITIES[quantity as Quantity].unit}`.trimEnd() + "."),
      );
      const missing = Object.entries(absent).map(([quantity, why]) => ({
        ok: why === "DeviceOff",
        what: `${quantity} has no value: ${why}.`,
      }));
      const problems = problem === undefined ? [] : [{ ok: false, what: problem }];
      return tested(...measured, ...missing, ...problems);
    } catch (error) {
      return tested(failed(error));
    }
  }
}

/** One sign of life of a host. */
export class HeartbeatEndpoint extends SampledEndpoint<"heartbeat"> {
  protected readonly kind = "heartbeat";
  #proves: Proof = "activity";

  override get traits(): Pick<DescribedEndpoint, "proves"> {
    return this.port ? { proves: this.#proves } : {};
  }

  protected override opened(port: Ports["heartbeat"]): void {
    this.#proves = port.proves;
  }

  protected sample(signal: AbortSignal): Promise<Said> {
    return this.read(signal, async (port, within) => this.#said(await port.read(within)));
  }

  protected failed({ code, message }: PortError): Said {
    return {
      heartbeat: { proves: this.#proves, absent: absenceOf(code) },
      problem: message.slice(0, 500),
    };
  }

  async test(signal: AbortSignal): Promise<Tested> {
    try {
      const { heartbeat } = await this.sample(signal);
      const { alive = false, bootId, uptimeSeconds } = heartbeat ?? {};
      return tested(
        { ok: alive, what: heartbeatWords({ ...heartbeat, alive }, this.#proves) },
        ...(bootId === undefined ? [] : [saw(`Its present boot is ${bootId}.`)]),
        ...(uptimeSeconds === undefined ? [] : [saw(`It has been up for ${uptimeSeconds} s.`)]),
      );
    } catch (error) {
      return tested(failed(error));
    }
  }

  #said({ alive, tookMs, detail, bootId, uptimeSeconds }: Heartbeat): Said {
    return {
      heartbeat: {
        proves: this.#proves,
        alive,
        ...(tookMs === undefined ? {} : { tookMs: Math.min(Math.max(0, tookMs), LONGEST_MS) }),
        ...(detail === undefined ? {} : { detail: detail.slice(0, 500) }),
        ...(bootId === undefined ? {} : { bootId: bootId.slice(0, 64) }),
        ...(uptimeSeconds !== undefined && uptimeSeconds >= 0 && uptimeSeconds <= LONGEST_UPTIME_S
          ? { uptimeSeconds }
          : {}),
      },
    };
  }
}
