import type { AgentId } from "@outrider/contracts/ids";
import { Asked } from "./asked.js";
import type {
  ConsoleAddress,
  ConsoleCondition,
  ConsoleRequest,
  StreamItem,
} from "./console-stream.js";
import { FRAME, frameOf, jsonFrame, numbersFrame, PAYLOAD_AT, writeU64 } from "./frame.js";
import { Intake } from "./intake.js";
import { LinkError } from "./link-error.js";
import type { LinkedConsole } from "./linked-console.js";
import type { Log } from "./log.js";
import type { Announcement } from "./messages.js";

/** How much of one console may be under way, or waiting in the service. */
const WINDOW_BYTES = 262_144;
/** Small pieces, so that each is taken by a slow wire within the deadline that its driver has. */
const WRITE_BYTES = 1024;

/** One console of one connection, at the service. */
export class RemoteConsole implements LinkedConsole {
  readonly address: ConsoleAddress;
  readonly stream: string;
  readonly first: number;
  readonly next: number;
  readonly began: number;
  readonly #console: number;
  readonly #asked = new Asked();
  #intake: Intake | undefined;
  #condition: ConsoleCondition;
  #handle: ((items: readonly StreamItem[]) => void | Promise<void>) | undefined;
  readonly #onCondition: ((condition: ConsoleCondition) => void)[] = [];
  readonly #onGone: ((reason: string) => void)[] = [];
  readonly #onAgentAhead: ((micros: number) => void)[] = [];
  /** What was handled and is not yet given back. */
  #creditBytes = 0;
  #acknowledged = -1;
  #gone = false;

  constructor(
    agent: AgentId,
    announcement: Announcement,
    private readonly send: (frame: Buffer) => void,
    private readonly aheadMicros: () => number | undefined,
    private readonly log: Log,
  ) {
    const { console, endpoint, node, driver, stream, first, next, began } = announcement;
    this.address = { agent, endpoint, node, driver };
    this.stream = stream;
    this.first = first;
    this.next = next;
    this.began = began;
    this.#console = console;
    this.#condition = announcement.condition;
  }

  get condition(): ConsoleCondition {
    return this.#condition;
  }

  get agentAheadMicros(): number | undefined {
    return this.aheadMicros();
  }

  resume(offset: number | undefined): void {
    if (this.#intake) throw new Error("a console is resumed once");
    if (!this.#handle) throw new Error("onItems comes before resume");
    this.#intake = new Intake(offset);
    const frame = frameOf(FRAME.resume, 16);
    frame.writeUInt32BE(this.#console, PAYLOAD_AT);
    writeU64(frame, offset, PAYLOAD_AT + 4);
    frame.writeUInt32BE(WINDOW_BYTES, PAYLOAD_AT + 12);
    this.send(frame);
  }

  onItems(callback: (items: readonly StreamItem[]) => void | Promise<void>): void {
    this.#handle = callback;
  }

  again(): void {
    if (!this.#gone) this.send(numbersFrame(FRAME.anew, [4, this.#console]));
  }

  acknowledge(offset: number): void {
    if (this.#gone || offset <= this.#acknowledged) return;
    this.#acknowledged = offset;
    this.send(numbersFrame(FRAME.acknowledge, [4, this.#console], [8, offset]));
  }

  async write(bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    const pieces: Promise<void>[] = [];
    for (let at = 0; at < bytes.length; at += WRITE_BYTES) {
      const piece = bytes.subarray(at, at + WRITE_BYTES);
      pieces.push(this.#ask((id) => this.#writeFrame(id, piece), signal));
    }
    // All are heard of before the first failure is told, so that none is a rejection that nobody takes.
    const failed = (await Promise.allSettled(pieces)).find((one) => one.status === "rejected");
    if (failed) throw failed.reason;
  }

  request(request: ConsoleRequest, signal?: AbortSignal): Promise<void> {
    return this.#ask(
      (id) => jsonFrame(FRAME.request, { console: this.#console, id, request }),
      signal,
    );
  }

  onCondition(callback: (condition: ConsoleCondition) => void): void {
    this.#onCondition.push(callback);
  }

  onGone(callback: (reason: string) => void): void {
    this.#onGone.push(callback);
  }

  onAgentAhead(callback: (micros: number) => void): void {
    this.#onAgentAhead.push(callback);
  }

  /** @param costBytes what these items count against the window */
  took(items: readonly StreamItem[], costBytes: number): void {
    if (!this.#intake || this.#gone) return;
    const { items: taken, unexplained } = this.#intake.take(items);
    if (unexplained > 0) {
      const { agent, endpoint } = this.address;
      this.log.error({ agent, endpoint }, "the agent left out numbers without a gap");
    }
    const handled = taken.length > 0 ? this.#handle?.(taken) : undefined;
    if (!handled) return this.#giveBack(costBytes);
    handled.then(
      () => this.#giveBack(costBytes),
      // Whoever reads does not reject; it would be a defect of theirs.
      (error: unknown) =>
        queueMicrotask(() => {
          throw error;
        }),
    );
  }

  changed(condition: ConsoleCondition): void {
    this.#condition = condition;
    for (const callback of this.#onCondition) callback(condition);
  }

  measured(micros: number): void {
    for (const callback of this.#onAgentAhead) callback(micros);
  }

  done(id: number): void {
    this.#asked.done(id);
  }

  failed(id: number, error: LinkError): void {
    this.#asked.failed(id, error);
  }

  end(reason: string): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#asked.end(reason);
    for (const callback of this.#onGone) callback(reason);
  }

  #ask(frame: (id: number) => Buffer, signal: AbortSignal | undefined): Promise<void> {
    return this.#asked.ask(
      (id) => this.send(frame(id)),
      (id) => this.send(numbersFrame(FRAME.cancel, [4, this.#console], [4, id])),
      signal,
    );
  }

  #writeFrame(id: number, bytes: Uint8Array): Buffer {
    const frame = frameOf(FRAME.write, 8 + bytes.length);
    frame.writeUInt32BE(this.#console, PAYLOAD_AT);
    frame.writeUInt32BE(id, PAYLOAD_AT + 4);
    frame.set(bytes, PAYLOAD_AT + 8);
    return frame;
  }

  /** In lots, so that single characters cost no frame back. */
  #giveBack(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#gone || this.#creditBytes < WINDOW_BYTES / 4) return;
    this.send(numbersFrame(FRAME.credit, [4, this.#console], [4, this.#creditBytes]));
    this.#creditBytes = 0;
  }
}
