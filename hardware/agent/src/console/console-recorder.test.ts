import { beforeEach, describe, expect, it } from "vitest";
import { ConsoleRecorder } from "./console-recorder.js";

describe("what a console says", () => {
  let now: number;
  let written: unknown[];
  let changes: number;
  let recorder: ConsoleRecorder;

  beforeEach(() => {
    now = 1000;
    written = [];
    changes = 0;
    recorder = new ConsoleRecorder(
      {
        append: (bytes) => void written.push(Buffer.from(bytes).toString()),
        gap: (gap) => void written.push({ ...gap, at: now }),
        break: () => void written.push("break"),
      },
      () => now,
      () => void (changes += 1),
    );
  });

  it("is written down in its order, and nothing of it is empty", () => {
    recorder.link({ up: true });
    recorder.bytes(Buffer.from("a"));
    now = 1001;
    recorder.broke();
    recorder.bytes(Buffer.from("b"));
    recorder.bytes(Buffer.alloc(0));
    expect(written).toEqual(["a", "break", "b"]);
    expect(recorder.counts).toEqual({ bytes: 2, lostBytes: 0 });
    expect(changes).toBe(1);
  });

  it("has a gap of unknown size between both times at which its device was away (P8)", () => {
    recorder.link({ up: true });
    now = 2000;
    recorder.link({ up: false, detail: "the cable" });
    now = 3000;
    recorder.link({ up: false, detail: "still the cable" });
    expect(written).toEqual([]);
    expect(recorder.linked).toEqual({ up: false, detail: "still the cable" });
    now = 4000;
    recorder.link({ up: true });
    expect(written).toEqual([
      { lost: undefined, reason: "disconnected", fromMicros: 2000, at: 4000 },
    ]);
  });

  it("has one gap for one time away, also when the driver says that something was lost, with its count", () => {
    recorder.link({ up: false });
    now = 5000;
    recorder.lost({ bytes: 17, reason: "disconnected" });
    recorder.link({ up: true });
    expect(written).toEqual([{ lost: 17, reason: "disconnected", fromMicros: 1000, at: 5000 }]);
  });

  it("has a gap of known size where the device had no room (P8)", () => {
    recorder.link({ up: true });
    recorder.bytes(Buffer.from("a"));
    now = 1500;
    recorder.lost({ bytes: 3, reason: "overrun" });
    recorder.bytes(Buffer.from("b"));
    expect(written).toEqual(["a", { lost: 3, reason: "overrun", fromMicros: 1000, at: 1500 }, "b"]);
    expect(recorder.counts).toEqual({ bytes: 2, lostBytes: 3 });
  });

  it("ends with the time away that has not ended, and with nothing that a driver says afterwards", () => {
    recorder.link({ up: false });
    now = 6000;
    recorder.close();
    recorder.bytes(Buffer.from("late"));
    recorder.lost({ bytes: 1, reason: "overrun" });
    recorder.link({ up: true });
    recorder.broke();
    recorder.modem({ cts: true, dsr: true, ri: false, dcd: true });
    expect(written).toEqual([
      { lost: undefined, reason: "disconnected", fromMicros: 1000, at: 6000 },
    ]);
    expect(changes).toBe(1);
  });
});
