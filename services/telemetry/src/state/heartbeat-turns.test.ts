import { describe, expect, it } from "vitest";
import { HeartbeatTurns } from "./heartbeat-turns.js";

const MINUTE = 60_000;

describe("what is told of a heartbeat", () => {
  it("is that it was missed and is there again, once each", () => {
    const turns = new HeartbeatTurns();
    const told = [true, true, false, false, true, true].map((alive, at) =>
      turns.read(alive, at * 1000, false),
    );
    expect(told).toEqual([undefined, undefined, "missed", undefined, "returned", undefined]);
  });

  it("is nothing before it was ever heard, and nothing of silence that is expected", () => {
    const turns = new HeartbeatTurns();
    expect(turns.read(false, 0, false)).toBeUndefined();
    expect(turns.read(true, 1, false)).toBeUndefined();
    expect(turns.read(false, 2, true)).toBeUndefined();
    expect(turns.read(true, 3, false)).toBeUndefined();
    expect(turns.expire(4, true)).toBeUndefined();
    expect(turns.read(true, 5, false)).toBeUndefined();
  });

  it("is that it is late, once, also where it is not looked at any more", () => {
    const turns = new HeartbeatTurns();
    expect(turns.expire(0, false)).toBeUndefined();
    turns.read(true, 1, false);
    expect(turns.read(undefined, 2, false)).toBeUndefined();
    expect(turns.expire(3, false)).toBe("late");
    expect(turns.expire(4, false)).toBeUndefined();
    expect(turns.read(true, 5, false)).toBe("returned");
  });

  it("is no flood where it flaps", () => {
    const turns = new HeartbeatTurns();
    const told = Array.from({ length: 600 }, (_, at) => turns.read(at % 2 === 0, at * 100, false));
    expect(told.filter((turn) => turn === "missed")).toHaveLength(1);
    turns.read(true, MINUTE, false);
    expect(turns.read(false, 2 * MINUTE, false)).toBe("missed");
  });
});
