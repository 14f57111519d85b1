import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { describe, expect, it } from "vitest";
import { retrying } from "./retrying.js";

/** A device that is heard and lost when the test says so. */
function device() {
  const clock = new ManualClock();
  const attempts: { readonly heard: () => void; readonly lose: () => void }[] = [];
  let changes = 0;
  const listening = retrying(
    clock,
    () => changes++,
    (heard, signal) =>
      new Promise((_, reject) => {
        attempts.push({ heard, lose: () => reject(new Error("lost")) });
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      }),
  );
  return {
    clock,
    listening,
    attempts,
    changes: () => changes,
    last: () => {
      const last = attempts.at(-1);
      if (!last) throw new Error("nothing listens");
      return last;
    },
    settle: () => new Promise(setImmediate),
  };
}

describe("retrying", () => {
  it("tries again with growing pauses, and says nothing while nothing is heard", async () => {
    const { clock, attempts, changes, last, settle, listening } = device();
    using _listening = listening;
    for (const pauseMs of [250, 500, 1000, 2000, 4000, 5000, 5000]) {
      last().lose();
      await settle();
      expect(clock.pendingMs).toEqual([pauseMs]);
      const before = attempts.length;
      clock.advance(pauseMs);
      await settle();
      expect(attempts).toHaveLength(before + 1);
    }
    expect(changes()).toBe(0);
  });

  it("calls back when the device is heard, and once when it is lost, and begins with short pauses again", async () => {
    const { clock, changes, last, settle, listening } = device();
    using _listening = listening;
    last().lose();
    await settle();
    clock.advance(250);
    await settle();
    last().heard();
    expect(changes()).toBe(1);
    last().lose();
    await settle();
    expect(changes()).toBe(2);
    expect(clock.pendingMs).toEqual([250]);
  });

  it("ends when it is disposed, whether it listens or pauses, and says nothing more", async () => {
    const listens = device();
    listens.last().heard();
    listens.listening[Symbol.dispose]();
    await listens.settle();
    expect(listens.changes()).toBe(1);
    expect(listens.clock.pendingMs).toEqual([]);

    const pauses = device();
    pauses.last().lose();
    await pauses.settle();
    pauses.listening[Symbol.dispose]();
    await pauses.settle();
    pauses.clock.advance(60_000);
    await pauses.settle();
    expect(pauses.attempts).toHaveLength(1);
    expect(pauses.clock.pendingMs).toEqual([]);
  });
});
