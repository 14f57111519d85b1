import { VirtualClock } from "@outrider/testing/virtual-clock";
import { beforeEach, expect, test } from "vitest";
import { FairQueue } from "./fair-queue.js";
import { PAYLOAD_AT } from "./frame.js";
import { decodeItems } from "./items-frame.js";
import { OutgoingConsole } from "./outgoing-console.js";
import { RECEIVED_EVERY_BYTES } from "./send-window.js";
import { MemoryLine } from "./testing/memory-line.js";

/** A way to the service that carries so much, in virtual time: what was sent waits in buffers that nobody reorders. */
class SlowWay {
  readonly #waiting: Buffer[] = [];
  #budgetBytes = 0;
  #arrivedBytes = 0;
  #toldBytes = 0;
  /** What has arrived of each console. */
  readonly arrived = new Map<number, number>();
  readonly queue: FairQueue;

  constructor(
    readonly clock: VirtualClock,
    readonly bytesPerMs: number,
  ) {
    this.queue = new FairQueue(
      () => clock.monotonicMs(),
      (frame) => this.#waiting.push(frame),
    );
  }

  async run(ms: number): Promise<void> {
    for (let at = 0; at < ms; at++) {
      await this.clock.advance(1);
      this.#budgetBytes += this.bytesPerMs;
      for (;;) {
        const [frame] = this.#waiting;
        if (!frame || frame.length > this.#budgetBytes) break;
        this.#budgetBytes -= frame.length;
        this.#waiting.shift();
        this.#arrive(frame);
      }
      if (this.#waiting.length === 0) this.#budgetBytes = 0;
    }
  }

  #arrive(frame: Buffer): void {
    const { console: number, items } = decodeItems(frame.subarray(PAYLOAD_AT));
    const bytes = items.reduce(
      (sum, item) => sum + (item.kind === "bytes" ? item.bytes.length : 0),
      0,
    );
    this.arrived.set(number, (this.arrived.get(number) ?? 0) + bytes);
    this.#arrivedBytes += frame.length - PAYLOAD_AT;
    if (this.#arrivedBytes - this.#toldBytes < RECEIVED_EVERY_BYTES) return;
    this.#toldBytes = this.#arrivedBytes;
    this.queue.received(this.#arrivedBytes);
  }
}

let clock: VirtualClock;

beforeEach(() => {
  clock = new VirtualClock();
});

function lineOver(way: SlowWay, number: number): MemoryLine {
  const line = new MemoryLine(`n${number}`);
  const outgoing = new OutgoingConsole(
    number,
    line,
    (one) => way.queue.offer(one),
    (error) => {
      throw error;
    },
  );
  outgoing.start(0, 100_000_000);
  return line;
}

test("whoever types over a slow way does not wait behind those that flood it", async () => {
  // One megabit a second, and seven consoles with megabytes of backlog.
  const way = new SlowWay(clock, 125);
  for (let number = 1; number <= 7; number++)
    lineOver(way, number).source.append(Buffer.alloc(3_000_000));
  const typed = lineOver(way, 8);
  await way.run(3000);
  for (let key = 1; key <= 5; key++) {
    typed.source.append(Buffer.from("x"));
    let waitedMs = 0;
    for (; (way.arrived.get(8) ?? 0) < key; waitedMs += 10) await way.run(10);
    expect(waitedMs).toBeLessThanOrEqual(500);
  }
});

test("those that flood have the same share, and the way is used", async () => {
  const way = new SlowWay(clock, 1000);
  for (let number = 1; number <= 5; number++)
    lineOver(way, number).source.append(Buffer.alloc(5_000_000));
  await way.run(3000);
  const shares = [...way.arrived.values()];
  expect(shares).toHaveLength(5);
  expect(Math.max(...shares) - Math.min(...shares)).toBeLessThan(100_000);
  expect(shares.reduce((a, b) => a + b, 0)).toBeGreaterThan(3_000_000 * 0.9);
});

test("one without credit waits for it alone", async () => {
  const way = new SlowWay(clock, 1000);
  const line = new MemoryLine("n1");
  const outgoing = new OutgoingConsole(
    1,
    line,
    (one) => way.queue.offer(one),
    () => undefined,
  );
  line.source.append(Buffer.alloc(100_000));
  outgoing.start(0, 20_000);
  lineOver(way, 2).source.append(Buffer.alloc(100_000));
  await way.run(500);
  expect(way.arrived.get(2)).toBe(100_000);
  expect(way.arrived.get(1)).toBeLessThan(50_000);
  outgoing.credit(100_000);
  await way.run(500);
  expect(way.arrived.get(1)).toBe(100_000);
});
