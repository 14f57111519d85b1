import { expect, test } from "vitest";
import { SerialQueue } from "./serial-queue.js";

test("runs at once when idle, in order when not, and goes on after a failure", async () => {
  const errors: unknown[] = [];
  const done: number[] = [];
  const queue = new SerialQueue((error) => errors.push(error));
  queue.push(() => void done.push(1));
  expect(done).toEqual([1]);
  const gate = Promise.withResolvers<void>();
  queue.push(async () => {
    await gate.promise;
    done.push(2);
    throw new Error("two");
  });
  queue.push(() => {
    done.push(3);
    throw new Error("three");
  });
  const last = Promise.withResolvers<void>();
  queue.push(async () => {
    done.push(4);
    last.resolve();
  });
  expect(done).toEqual([1]);
  gate.resolve();
  await last.promise;
  expect(done).toEqual([1, 2, 3, 4]);
  expect(errors).toEqual([new Error("two"), new Error("three")]);
});

test("forgets what has not begun", async () => {
  const done: number[] = [];
  const queue = new SerialQueue(() => undefined);
  const gate = Promise.withResolvers<void>();
  queue.push(() => gate.promise);
  queue.push(() => void done.push(1));
  queue.clear();
  queue.push(() => void done.push(2));
  gate.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  expect(done).toEqual([2]);
});

test("does not grow the stack with the number of tasks", () => {
  const queue = new SerialQueue((error) => {
    throw error;
  });
  let count = 0;
  queue.push(() => {
    for (let n = 0; n < 100_000; n++) queue.push(() => void count++);
  });
  expect(count).toBe(100_000);
});
