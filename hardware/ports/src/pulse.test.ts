import { describe, expect, it } from "vitest";
import type { DigitalOutputPort } from "./digital-output-port.js";
import { PortError } from "./port-error.js";
import { pulse } from "./pulse.js";
import { ManualClock } from "./testing/manual-clock.js";
import { milliseconds } from "./time.js";

const forever = new AbortController().signal;

/** An output that writes down what it is told, and refuses as often as it is said. */
function output(refusals: { on?: number; off?: number } = {}) {
  const told: boolean[] = [];
  const left = { on: refusals.on ?? 0, off: refusals.off ?? 0 };
  const port: DigitalOutputPort = {
    evidence: "ReadBack",
    read: async () => told.at(-1) ?? false,
    set: async (active) => {
      told.push(active);
      const which = active ? "on" : "off";
      if (left[which]-- > 0) throw new PortError("timed-out", "The expander did not answer.");
    },
    [Symbol.asyncDispose]: async () => {},
  };
  return { port, told };
}

async function passing(clock: ManualClock, ms: number): Promise<void> {
  await new Promise(setImmediate);
  clock.advance(ms);
  await new Promise(setImmediate);
}

describe("pulse", () => {
  it("is active for its time and ends", async () => {
    const clock = new ManualClock();
    const { port, told } = output();
    const done = pulse(port, milliseconds(200), clock, forever);
    await passing(clock, 199);
    expect(told).toEqual([true]);
    clock.advance(1);
    await done;
    expect(told).toEqual([true, false]);
  });

  it("ends at once when it is aborted, and says why it was", async () => {
    const clock = new ManualClock();
    const { port, told } = output();
    const caller = new AbortController();
    const done = pulse(port, milliseconds(200), clock, caller.signal);
    done.catch(() => {});
    await passing(clock, 10);
    caller.abort(new Error("the agent stops"));
    await expect(done).rejects.toThrow("the agent stops");
    expect(told).toEqual([true, false]);
  });

  it("does not begin for a caller who has given up", async () => {
    const { port, told } = output();
    const done = pulse(
      port,
      milliseconds(200),
      new ManualClock(),
      AbortSignal.abort(new Error("gone")),
    );
    await expect(done).rejects.toThrow("gone");
    expect(told).toEqual([]);
  });

  it("is released also when the device did not say that it began", async () => {
    const { port, told } = output({ on: 1 });
    await expect(pulse(port, milliseconds(200), new ManualClock(), forever)).rejects.toMatchObject({
      code: "timed-out",
    });
    expect(told).toEqual([true, false]);
  });

  it("tries its end again, and then says what may still be active", async () => {
    const clock = new ManualClock();
    const { port, told } = output({ off: 3 });
    const done = pulse(port, milliseconds(200), clock, forever);
    done.catch(() => {});
    for (let turn = 0; turn < 4; turn += 1) await passing(clock, 200);
    await expect(done).rejects.toThrow("may still be active");
    expect(told).toEqual([true, false, false, false]);
  });

  it("is left to a device that times it itself", async () => {
    const { port, told } = output();
    const asked: number[] = [];
    const own = { ...port, pulse: async (duration: number) => void asked.push(duration) };
    await pulse(own, milliseconds(200), new ManualClock(), forever);
    expect(asked).toEqual([200]);
    expect(told).toEqual([]);
  });
});
