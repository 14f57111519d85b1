import { commandId, nodeId } from "@outrider/contracts/ids";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { describe, expect, it } from "vitest";
import { judgeLock, Locks, UNATTRIBUTED } from "./locks.js";

const node = nodeId("n1");
const lock = commandId("l1");
const other = commandId("l2");

function held(until: string, fence = 3) {
  return {
    fence,
    waiting: 0,
    held: { lock, holder: "person:ada", reason: "disk swap", since: until, until },
  };
}

function locksAt(clock: VirtualClock): Locks {
  return new Locks(clock, { onDisconnect: () => () => undefined });
}

describe("locks", () => {
  it("let the holder act and tell everybody else who holds it, why, until when and what to do", () => {
    const clock = new VirtualClock();
    const locks = locksAt(clock);
    locks.take(node, held("2026-01-01T00:01:00.000Z"));
    expect(locks.judge(node, "person:ada")).toBeUndefined();
    expect(locks.judge(node, "person:ada", lock)).toBeUndefined();
    const refusal = locks.judge(node, "person:bob");
    expect(refusal?.reasonCode).toBe("locked");
    for (const word of [
      "person:ada",
      "disk swap",
      "2026-01-01T00:01:00.000Z",
      "outrider lock break l1",
    ])
      expect(refusal?.detail).toContain(word);
    expect(locks.judge(nodeId("n2"), "person:bob")).toBeUndefined();
  });

  it("are free five seconds after their lease has ended, and not before", async () => {
    const clock = new VirtualClock();
    const locks = locksAt(clock);
    locks.take(node, held("2026-01-01T00:00:10.000Z"));
    await clock.advance(15_000);
    expect(locks.judge(node, "person:bob")?.reasonCode).toBe("locked");
    await clock.advance(1);
    expect(locks.judge(node, "person:bob")).toBeUndefined();
    expect(locks.fence(node)).toBe(3);
  });

  it("are held for as long as inventory, which is there, says so, whatever the calendar shows (P6)", async () => {
    const clock = new VirtualClock();
    const locks = locksAt(clock);
    locks.inventoryIs("ready");
    locks.take(node, held("2026-01-01T00:10:00.000Z"));
    clock.stepCalendar(3_600_000);
    expect(locks.judge(node, "person:bob")?.reasonCode).toBe("locked");
    locks.inventoryIs("degraded");
    await clock.advance(3_600_000);
    expect(locks.judge(node, "person:bob")?.reasonCode).toBe("locked");
    locks.take(node, { fence: 3, waiting: 0 });
    expect(locks.judge(node, "person:bob")).toBeUndefined();
  });

  it.each([3_600_000, -3_600_000])(
    "run out by the monotonic clock while inventory is away, when the calendar is set by %d ms",
    async (stepMs) => {
      const clock = new VirtualClock();
      const locks = locksAt(clock);
      locks.inventoryIs("ready");
      locks.take(node, held("2026-01-01T00:00:10.000Z"));
      locks.inventoryIs("lost");
      clock.stepCalendar(stepMs);
      await clock.advance(5000);
      // Said once more at another connection: that is no new lease.
      locks.take(node, held("2026-01-01T00:00:10.000Z"));
      await clock.advance(10_000);
      expect(locks.judge(node, "person:bob")?.reasonCode).toBe("locked");
      await clock.advance(1);
      expect(locks.judge(node, "person:bob")).toBeUndefined();
    },
  );

  it("of another connection, or of a former process, run out unless inventory says them again", async () => {
    const clock = new VirtualClock();
    const locks = locksAt(clock);
    locks.recall(node, held("2026-01-01T00:00:10.000Z"));
    locks.inventoryIs("ready");
    await clock.advance(15_001);
    expect(locks.judge(node, "person:bob")).toBeUndefined();
    locks.take(node, held("2026-01-01T00:00:10.000Z"));
    expect(locks.judge(node, "person:bob")?.reasonCode).toBe("locked");
    locks.disconnected();
    await clock.advance(5001);
    locks.inventoryIs("ready");
    expect(locks.judge(node, "person:bob")).toBeUndefined();
  });

  it("last no longer than any lease where the calendar was wrong when they were heard", async () => {
    const clock = new VirtualClock();
    const locks = locksAt(clock);
    locks.take(node, held("2036-01-01T00:00:00.000Z"));
    await clock.advance(86_405_000);
    expect(locks.judge(node, "person:bob")?.reasonCode).toBe("locked");
    await clock.advance(1);
    expect(locks.judge(node, "person:bob")).toBeUndefined();
  });

  it("keep the highest fence, also when inventory comes back with a lower one", () => {
    const locks = locksAt(new VirtualClock());
    locks.take(node, held("2026-01-01T00:01:00.000Z", 7));
    locks.take(node, { fence: 2, waiting: 0 });
    expect(locks.fence(node)).toBe(7);
    expect(locks.judge(node, "person:bob")).toBeUndefined();
    expect(locks.fence(nodeId("n2"))).toBe(0);
  });

  it("refuse a lock that was named and does not stand any more", () => {
    const now = held("2026-01-01T00:01:00.000Z").held;
    expect(judgeLock(node, "person:ada", now, other)?.reasonCode).toBe("fenced");
    expect(judgeLock(node, "person:ada", undefined, lock)?.reasonCode).toBe("fenced");
  });

  it("cannot be held or named by somebody who is not known", () => {
    const now = { ...held("2026-01-01T00:01:00.000Z").held, holder: UNATTRIBUTED };
    expect(judgeLock(node, UNATTRIBUTED, now, undefined)?.reasonCode).toBe("locked");
    expect(judgeLock(node, UNATTRIBUTED, undefined, lock)?.reasonCode).toBe("not-allowed");
  });

  it("say once which have changed", () => {
    const locks = locksAt(new VirtualClock());
    locks.take(node, { fence: 1, waiting: 0 });
    expect(locks.news()).toEqual([[node, { fence: 1, waiting: 0 }]]);
    expect(locks.news()).toEqual([]);
  });
});
