import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "./limits.js";
import { SlowReaders, type CutReason, type Outgoing } from "./slow-readers.js";

const LIMITS = {
  ...DEFAULT_LIMITS,
  shedAboveBytes: 100,
  cutAboveBytes: 1000,
  cutAfterMs: 500,
  maxWaitingBytes: 5000,
};

/** A connection whose buffer the test fills and empties. */
class Reader implements Outgoing {
  readonly state = {
    writableLength: 0,
    bytesWritten: 0,
    destroyed: false,
    _handle: { writeQueueSize: 0 },
  };
  readonly conn = this.state as unknown as Outgoing["conn"];
  qos0Only = false;
  onlyQos0 = (): boolean => this.qos0Only;
  fill(bytes: number): void {
    this.state.writableLength += bytes;
    this.state.bytesWritten += bytes;
  }
  drain(bytes: number): void {
    this.state.writableLength -= bytes;
  }
}

function watch() {
  let nowMs = 0;
  const events: [what: string, reader: Reader][] = [];
  const slow = new SlowReaders<Reader>(
    LIMITS,
    { monotonicMs: () => nowMs },
    {
      began: (reader) => events.push(["began", reader]),
      ended: (reader) => events.push(["ended", reader]),
      cut: (reader, reason: CutReason) => {
        events.push([reason, reader]);
        reader.state.destroyed = true;
      },
    },
  );
  return { slow, events, advance: (ms: number) => (nowMs += ms) };
}

describe("a reader that is behind", () => {
  it("loses QoS 0 and keeps QoS 1, is said to be once, and is well again when it has caught up", () => {
    const { slow, events } = watch();
    const reader = new Reader();
    reader.fill(100);
    expect(slow.admits(reader, 0)).toBe(true);
    reader.fill(1);
    expect([slow.admits(reader, 0), slow.admits(reader, 1), slow.admits(reader, 0)]).toEqual([
      false,
      true,
      false,
    ]);
    expect(slow.shedMessages).toBe(2);
    expect(slow.admits(reader, 0, true)).toBe(true);
    reader.drain(40);
    slow.sweep([reader]);
    expect(slow.admits(reader, 0)).toBe(true);
    reader.drain(20);
    slow.sweep([reader]);
    expect(events.map(([what]) => what)).toEqual(["began", "ended"]);
  });

  it("loses also QoS 1 when it asked for nothing but QoS 0", () => {
    const { slow } = watch();
    const reader = new Reader();
    reader.qos0Only = true;
    reader.fill(101);
    expect(slow.admits(reader, 1)).toBe(false);
  });

  it("is cut, once, when it is too far behind", () => {
    const { slow, events } = watch();
    const reader = new Reader();
    reader.fill(1001);
    expect([slow.admits(reader, 1), slow.admits(reader, 1)]).toEqual([false, false]);
    slow.sweep([reader]);
    expect(events.map(([what]) => what)).toEqual(["began", "too-far-behind"]);
  });

  it.each(["a byte of what is queued in libuv", "a buffer"])(
    "is not cut while it takes %s",
    (what) => {
      const { slow, events, advance } = watch();
      const reader = new Reader();
      reader.fill(900);
      reader.state._handle.writeQueueSize = 900;
      slow.admits(reader, 1);
      for (let round = 0; round < 10; round++) {
        advance(499);
        if (what === "a buffer") reader.drain(1);
        else reader.state._handle.writeQueueSize--;
        // More that waits is no progress.
        if (what !== "a buffer") reader.fill(1);
        slow.sweep([reader]);
      }
      expect(events.map(([one]) => one)).toEqual(["began"]);
      for (const ms of [499, 1]) {
        advance(ms);
        reader.fill(1);
        slow.sweep([reader]);
      }
      expect(events.map(([one]) => one)).toEqual(["began", "stalled"]);
    },
  );

  it("is cut when all together have too much waiting, the furthest behind first", () => {
    const { slow, events } = watch();
    const readers = Array.from({ length: 60 }, () => new Reader());
    for (const [index, reader] of readers.entries()) reader.fill(index === 7 ? 95 : 85);
    slow.sweep(readers);
    const cut = events.filter(([what]) => what === "memory").map(([, reader]) => reader);
    expect(cut[0]).toBe(readers[7]);
    expect(cut).toHaveLength(2);
  });
});
