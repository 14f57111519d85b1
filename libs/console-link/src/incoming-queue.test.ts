import { beforeEach, expect, test } from "vitest";
import { IncomingQueue } from "./incoming-queue.js";
import { MemoryLine } from "./testing/memory-line.js";

/** A device that takes so many bytes at once. */
class QuickLine extends MemoryLine {
  room = 100;
  broken: Error | undefined;

  writeNow(bytes: Uint8Array): number {
    if (this.broken) throw this.broken;
    const now = bytes.subarray(0, this.room);
    if (now.length > 0) this.taken.push(Buffer.from(now).toString("latin1"));
    return now.length;
  }
}

let line: QuickLine;
let queue: IncomingQueue;
let answers: string[];
let behind: boolean;

beforeEach(() => {
  line = new QuickLine();
  answers = [];
  behind = false;
  queue = new IncomingQueue(line, () => behind, {
    taken: (id) => answers.push(`taken ${id}`),
    done: (id) => answers.push(`done ${id}`),
    failed: (id, code, message) => answers.push(`failed ${id} ${code} ${message}`),
  });
});

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a key is with the device in the turn in which it came", () => {
  queue.write(1, Buffer.from("k"));
  expect(line.taken).toEqual(["k"]);
  expect(answers).toEqual(["taken 1"]);
});

test("what the device does not take at once follows in order, and is answered when it was taken", async () => {
  line.room = 3;
  queue.write(1, Buffer.from("hello"));
  expect(answers).toEqual([]);
  await settle();
  expect(line.taken).toEqual(["hel", "lo"]);
  expect(answers).toEqual(["done 1"]);
});

test("nothing overtakes what waits for the device, a request among it", async () => {
  const gate = Promise.withResolvers<void>();
  line.gate = gate.promise;
  queue.request(1, { kind: "break", ms: 250 });
  queue.write(2, Buffer.from("k"));
  expect(line.taken).toEqual([]);
  gate.resolve();
  await settle();
  expect(line.taken).toEqual([{ kind: "break", ms: 250 }, "k"]);
  expect(answers).toEqual(["done 1", "done 2"]);
  queue.write(3, Buffer.from("l"));
  expect(line.taken.at(-1)).toBe("l");
});

test("a device that is not there is said with its code, and holds nothing up", () => {
  line.broken = Object.assign(new Error("it was pulled out"), { code: "unreachable" });
  queue.write(1, Buffer.from("k"));
  line.broken = undefined;
  queue.write(2, Buffer.from("l"));
  expect(answers).toEqual(["failed 1 unreachable it was pulled out", "taken 2"]);
  expect(line.taken).toEqual(["l"]);
});

test("what may have been taken back already waits until that is known, and goes in order if it was not", async () => {
  behind = true;
  queue.write(1, Buffer.from("h"));
  queue.write(2, Buffer.from("i"));
  queue.request(3, { kind: "break", ms: 250 });
  queue.write(4, Buffer.from("k"));
  await settle();
  expect(line.taken).toEqual([]);
  queue.cancel(1);
  queue.cancel(3);
  behind = false;
  queue.goOn();
  await settle();
  expect(line.taken).toEqual(["i", "k"]);
  expect(answers).toEqual(["done 2", "done 4"]);
});
