import type { AgentAck } from "@outrider/contracts/agent";
import { seconds, type Clock } from "@outrider/contracts/clock";
import { check } from "@outrider/contracts/codec";
import type { AgentId, EndpointId, NodeId } from "@outrider/contracts/ids";
import { agentReading, EndpointReading } from "@outrider/contracts/reading-report";
import { mintId } from "@outrider/messaging/mint-id";
import type { Session } from "@outrider/messaging/session";
import type { AgentLog } from "../log.js";
import type { KeptReading } from "./batch-record.js";
import type { Said } from "./checked-sample.js";
import { ReadingSender } from "./reading-sender.js";
import { ReadingSpool } from "./reading-spool.js";

/** What is taken within so long goes out together; it is what a process that is killed loses at most. */
const BATCH_EVERY = seconds(1);
const MOST_IN_BATCH = 500;
/** Of readings in one message, which may have twice as much. */
const MOST_BYTES_IN_BATCH = agentReading.maxBytes / 2;

/** A sample that was taken. */
export interface Taken {
  readonly endpoint: EndpointId;
  readonly node: NodeId;
  readonly at: string;
  /** When it was taken, by the monotonic clock. */
  readonly takenMs: number;
  readonly said: Said;
}

export interface ReadingsOptions {
  readonly agent: AgentId;
  readonly session: Pick<Session, "epoch" | "publish">;
  /** Where batches are kept until they are acknowledged, and how much of them. */
  readonly directory: string;
  readonly limitBytes: number;
  /** The present boot of the host; undefined: nobody knows. */
  readonly bootId: string | undefined;
  readonly clock: Clock;
  readonly log: AgentLog;
}

/** What the agent's sensors and heartbeats gave: numbered batches, kept until the telemetry service has stored them. */
export class Readings {
  readonly #spool: ReadingSpool;
  readonly #sender: ReadingSender;
  /** From the clock's monotonic time to that of the boot, which outlives this process. */
  readonly #bootOffsetMs: number;
  readonly #boot: string;
  #taken: KeptReading[] = [];
  #takenBytes = 0;
  #stop: (() => void) | undefined;

  private constructor(
    private readonly options: ReadingsOptions,
    spool: ReadingSpool,
  ) {
    const { clock, bootId = mintId() } = options;
    this.#spool = spool;
    this.#boot = bootId;
    this.#bootOffsetMs = Number(process.hrtime.bigint()) / 1e6 - clock.monotonicMs();
    this.#sender = new ReadingSender({
      ...options,
      spool,
      boot: bootId,
      bootMs: () => clock.monotonicMs() + this.#bootOffsetMs,
    });
  }

  static async open(options: ReadingsOptions): Promise<Readings> {
    return new Readings(options, await ReadingSpool.open(options));
  }

  start(): void {
    this.#stop ??= this.options.clock.every(BATCH_EVERY, () => this.#flush());
    this.#sender.start();
  }

  /** No more is to come; what is there is still sent. */
  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#flush();
  }

  async close(): Promise<void> {
    this.stop();
    await this.#sender[Symbol.asyncDispose]();
    await this.#spool[Symbol.asyncDispose]();
  }

  connected(): void {
    this.#sender.connected();
  }

  disconnected(): void {
    this.#sender.disconnected();
  }

  acknowledged(ack: AgentAck): void {
    this.#sender.acknowledged(ack);
  }

  stats(): ReturnType<ReadingSpool["stats"]> {
    return this.#spool.stats();
  }

  take({ endpoint, node, at, takenMs, said }: Taken): void {
    const reading = { endpoint, node, at, ...said };
    const checked = check(EndpointReading, { ...reading, ageMs: 0 }, true);
    if (!checked.ok) {
      // Said by a device or a host: neither may keep the others from being heard.
      const { field, message } = checked.refusal;
      this.options.log.warn({ endpoint, field, problem: message }, "a reading cannot be told");
      return;
    }
    this.#taken.push({ ...reading, takenMs: takenMs + this.#bootOffsetMs });
    this.#takenBytes += Buffer.byteLength(JSON.stringify(reading));
    if (this.#taken.length >= MOST_IN_BATCH || this.#takenBytes >= MOST_BYTES_IN_BATCH) {
      this.#flush();
    }
  }

  #flush(): void {
    const readings = this.#taken.splice(0);
    this.#takenBytes = 0;
    if (readings.length === 0) return;
    const batch = { boot: this.#boot, readings };
    this.#sender.notify(this.#spool.append(batch), batch);
  }
}
