import { milliseconds } from "@outrider/contracts/clock";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MessagingError } from "./errors.js";
import { judgeNumber, OutboxSender, type Numbered } from "./outbox.js";
import { MemoryOutbox } from "./testing/memory-outbox.js";

const lost = new MessagingError("disconnected", "lost");

/** Receives as a service does, and stores without gaps. */
class Receiver {
  readonly stored: number[] = [];

  receive({ seq }: Numbered<string>): number | undefined {
    const verdict = judgeNumber(this.stored.at(-1), seq);
    if (verdict === "new") this.stored.push(seq);
    return verdict === "gap" ? undefined : this.stored.at(-1);
  }
}

describe("an outbox", () => {
  test("waits for a connection, then sends in order, and forgets what is acknowledged", async () => {
    const clock = new VirtualClock();
    const outbox = new MemoryOutbox<string>();
    const sent: number[] = [];
    const sender = new OutboxSender({
      outbox,
      clock,
      send: async ({ seq }) => void sent.push(seq),
    });
    sender.start();
    for (const event of ["a", "b", "c"]) await sender.append(event);
    await clock.advance(60_000);
    expect(sent).toEqual([]);
    sender.connected();
    await clock.advance(0);
    expect(sent).toEqual([1, 2, 3]);
    await sender.acknowledged(2);
    expect(outbox.kept).toEqual([3]);
    await sender.append("d");
    await clock.advance(0);
    expect(sent).toEqual([1, 2, 3, 4]);
    await sender.acknowledged(4);
    await clock.advance(3_600_000);
    expect(sent).toEqual([1, 2, 3, 4]);
    await sender.stop();
    expect(clock.waiting).toBe(0);
  });

  test("sends all again after a time without progress, more and more rarely", async () => {
    const clock = new VirtualClock();
    const times: number[] = [];
    const startMs = clock.monotonicMs();
    const sender = new OutboxSender({
      outbox: new MemoryOutbox<string>(),
      clock,
      send: async () => void times.push(clock.monotonicMs() - startMs),
    });
    sender.start();
    sender.connected();
    await sender.append("a");
    await clock.advance(100_000);
    expect(times).toEqual([0, 250, 2250, 6250, 14_250, 30_250, 60_250, 90_250]);
    sender.disconnected();
    await clock.advance(100_000);
    expect(times).toHaveLength(8);
    sender.connected();
    await clock.advance(2000);
    expect(times.slice(8)).toEqual([200_000, 200_250]);
    await sender.stop();
  });

  test("sends all again in time although new events keep coming", async () => {
    const clock = new VirtualClock();
    const sent: number[] = [];
    const sender = new OutboxSender({
      outbox: new MemoryOutbox<string>(),
      clock,
      send: async ({ seq }) => void sent.push(seq),
    });
    sender.start();
    sender.connected();
    for (let n = 0; n < 4; n++) {
      await sender.append("event");
      await clock.advance(100);
    }
    expect(sent).toEqual([1, 2, 3, 1, 2, 3, 4]);
    await sender.stop();
  });

  test("does not wait for the broker between events, and trusts no acknowledgement across one that was not sent", async () => {
    const clock = new VirtualClock();
    const outbox = new MemoryOutbox<string>();
    const sent: number[] = [];
    const answers: (() => void)[] = [];
    const sender = new OutboxSender({
      outbox,
      clock,
      send: ({ seq }) => {
        sent.push(seq);
        return new Promise((resolve, reject) => {
          answers.push(seq === 2 && sent.length < 4 ? () => reject(lost) : resolve);
        });
      },
    });
    for (const event of ["a", "b", "c"]) await sender.append(event);
    sender.start();
    sender.connected();
    await clock.advance(0);
    expect(sent).toEqual([1, 2, 3]);
    for (const answer of answers.splice(0)) answer();
    await clock.advance(0);
    await sender.acknowledged(3);
    expect(outbox.kept).toEqual([1, 2, 3]);
    await clock.advance(250);
    expect(sent).toEqual([1, 2, 3, 1, 2, 3]);
    await sender.acknowledged(3);
    expect(outbox.kept).toEqual([]);
    for (const answer of answers) answer();
    await sender.stop();
  });

  test("sends what it is handed without reading it, but only in its turn", async () => {
    const clock = new VirtualClock();
    const outbox = new MemoryOutbox<string>();
    const sent: number[] = [];
    const sender = new OutboxSender({
      outbox,
      clock,
      window: 3,
      send: async ({ seq }) => void sent.push(seq),
    });
    const store = async (): Promise<Numbered<string>> => ({
      seq: await outbox.append("event"),
      event: "event",
    });
    sender.start();
    sender.notify(await store());
    sender.connected();
    await clock.advance(0);
    expect(sent).toEqual([1]);
    const [second, third] = [await store(), await store()];
    sender.notify(third);
    expect(sent).toEqual([1]);
    sender.notify(second);
    expect(sent).toEqual([1, 2]);
    await clock.advance(0);
    expect(sent).toEqual([1, 2, 3]);
    sender.notify(await store());
    expect(sent).toEqual([1, 2, 3]);
    sender.disconnected();
    await sender.stop();
  });

  test("has no more on its way than the window", async () => {
    const clock = new VirtualClock();
    const sent: number[] = [];
    const sender = new OutboxSender({
      outbox: new MemoryOutbox<string>(),
      clock,
      window: 3,
      send: async ({ seq }) => void sent.push(seq),
    });
    sender.start();
    sender.connected();
    for (let n = 0; n < 10; n++) await sender.append("event");
    await clock.advance(0);
    expect(sent).toEqual([1, 2, 3]);
    await sender.acknowledged(1);
    await clock.advance(0);
    expect(sent).toEqual([1, 2, 3, 4]);
    await sender.acknowledged(4);
    await clock.advance(0);
    expect(sent).toEqual([1, 2, 3, 4, 5, 6, 7]);
    await sender.stop();
  });

  test("ignores an acknowledgement of what it has not sent on this connection", async () => {
    const clock = new VirtualClock();
    const outbox = new MemoryOutbox<string>();
    const sender = new OutboxSender({ outbox, clock, send: async () => undefined });
    sender.start();
    await sender.append("a");
    await sender.acknowledged(7);
    sender.connected();
    await sender.acknowledged(1);
    await clock.advance(0);
    await sender.acknowledged(2);
    expect(outbox.kept).toEqual([1]);
    await sender.acknowledged(1);
    expect(outbox.kept).toEqual([]);
    await sender.stop();
  });

  test("never holds up whoever appends, however long sending takes", async () => {
    const clock = new VirtualClock();
    const outbox = new MemoryOutbox<string>();
    const sender = new OutboxSender({ outbox, clock, send: () => new Promise(() => undefined) });
    sender.start();
    sender.connected();
    const numbers = [];
    for (let n = 0; n < 5; n++) numbers.push(await sender.append("event"));
    expect(numbers).toEqual([1, 2, 3, 4, 5]);
  });

  test("brings every event across, once or more and without a gap, whatever is lost", async () => {
    const fate = fc.constantFrom("arrives", "arrives", "event lost", "ack lost", "connection lost");
    await fc.assert(
      fc.asyncProperty(fc.array(fate, { maxLength: 60 }), fc.nat(12), async (fates, events) => {
        const clock = new VirtualClock();
        const outbox = new MemoryOutbox<string>();
        const receiver = new Receiver();
        const queue = [...fates];
        const sender = new OutboxSender<string>({
          outbox,
          clock,
          window: 4,
          send: async (numbered) => {
            const what = queue.shift() ?? "arrives";
            if (what === "connection lost") {
              sender.disconnected();
              void clock.sleep(milliseconds(500)).then(() => sender.connected());
              throw lost;
            }
            // The broker has acknowledged it in any case.
            if (what === "event lost") return;
            const stored = receiver.receive(numbered);
            if (what !== "ack lost" && stored !== undefined) {
              void clock.sleep(milliseconds(1)).then(() => sender.acknowledged(stored));
            }
          },
        });
        sender.start();
        sender.connected();
        for (let n = 0; n < events; n++) {
          await sender.append(`event ${n}`);
          if (n % 3 === 0) await clock.advance(700);
        }
        await clock.advance(3_600_000);
        // The first one may be lost before the receiver knows where the numbers begin: it then starts later.
        const begin = receiver.stored[0] ?? 1;
        const expected = Array.from({ length: events }, (_, n) => n + 1).filter((n) => n >= begin);
        expect(receiver.stored).toEqual(expected);
        expect(outbox.kept).toEqual([]);
        await sender.stop();
      }),
      { numRuns: 150 },
    );
  });
});

test("a receiver acknowledges only what it has without a gap", () => {
  expect(judgeNumber(undefined, 57)).toBe("new");
  expect(judgeNumber(57, 58)).toBe("new");
  expect(judgeNumber(57, 57)).toBe("known");
  expect(judgeNumber(57, 3)).toBe("known");
  expect(judgeNumber(57, 59)).toBe("gap");
});
