import { seconds } from "@outrider/contracts/clock";
import { expect, test } from "vitest";
import { VirtualClock } from "./virtual-clock.js";

test("sleeps end in the order of their times, each at its own time", async () => {
  const clock = new VirtualClock();
  const startMs = clock.monotonicMs();
  const order: string[] = [];
  const sleeper = async (name: string, ms: number): Promise<void> => {
    await clock.sleep(seconds(ms));
    order.push(`${name}@${clock.monotonicMs() - startMs}`);
  };
  void sleeper("late", 2).then(() => sleeper("nested", 1));
  void sleeper("early", 1);
  await clock.advance(seconds(1.5));
  expect(order).toEqual(["early@1000"]);
  await clock.advance(seconds(10));
  expect(order).toEqual(["early@1000", "late@2000", "nested@3000"]);
  expect(clock.monotonicMs() - startMs).toBe(11_500);
  expect(clock.now()).toEqual(new Date("2026-01-01T00:00:11.500Z"));
  expect(clock.waiting).toBe(0);
});

test("intervals go on until they are cancelled, also by themselves", async () => {
  const clock = new VirtualClock();
  let count = 0;
  const cancel = clock.every(seconds(1), () => {
    if (++count === 3) cancel();
  });
  await clock.advance(seconds(100));
  expect(count).toBe(3);
  expect(clock.waiting).toBe(0);
});

test("a sleep that is aborted rejects with the reason and leaves nothing behind", async () => {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const sleep = clock.sleep(seconds(1), stop.signal);
  stop.abort(new Error("enough"));
  await expect(sleep).rejects.toThrow("enough");
  await expect(clock.sleep(seconds(1), stop.signal)).rejects.toThrow("enough");
  expect(clock.waiting).toBe(0);
});

test("the calendar can jump without the monotonic clock", () => {
  const clock = new VirtualClock();
  const before = clock.monotonicMs();
  clock.stepCalendar(-600_000);
  expect(clock.monotonicMs()).toBe(before);
  expect(clock.now()).toEqual(new Date("2025-12-31T23:50:00.000Z"));
});
