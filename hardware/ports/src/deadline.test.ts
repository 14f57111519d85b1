import { describe, expect, it } from "vitest";
import { withDeadline } from "./deadline.js";
import { PortError } from "./port-error.js";
import { ManualClock } from "./testing/manual-clock.js";
import { seconds } from "./time.js";

const never = (): Promise<never> => new Promise(() => {});

function start(work: (signal: AbortSignal) => Promise<string>, caller = new AbortController()) {
  const clock = new ManualClock();
  const result = withDeadline(clock, seconds(5), caller.signal, "The device (GET /)", work);
  // Tests look at the outcome later than it comes about.
  result.catch(() => {});
  return { clock, caller, result };
}

describe("withDeadline", () => {
  it("returns what the work returns and leaves no timer behind", async () => {
    const { clock, result } = start(() => Promise.resolve("done"));
    await expect(result).resolves.toBe("done");
    expect(clock.sleeping).toBe(0);
  });

  it("passes the work's own failure on and leaves no timer behind", async () => {
    const failure = new PortError("refused", "no");
    const { clock, result } = start(() => Promise.reject(failure));
    await expect(result).rejects.toBe(failure);
    expect(clock.sleeping).toBe(0);
  });

  it("is timed out at the limit, not before, whether or not the work heeds its signal", async () => {
    let settled = false;
    const { clock, result } = start(never);
    result.then(
      () => (settled = true),
      () => (settled = true),
    );
    clock.advance(4999);
    await new Promise(setImmediate);
    expect(settled).toBe(false);
    clock.advance(1);
    await expect(result).rejects.toMatchObject({ name: "PortError", code: "timed-out" });
    await expect(result).rejects.toThrow("The device (GET /) did not answer within 5000 ms.");
  });

  it("says why it ended, not what the work makes of being aborted", async () => {
    const { clock, result } = start(
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(new Error("socket hang up")));
        }),
    );
    clock.advance(5000);
    await expect(result).rejects.toMatchObject({ code: "timed-out" });
  });

  it("rejects with the caller's own reason", async () => {
    const reason = new Error("the agent stops");
    const { caller, result, clock } = start(never);
    caller.abort(reason);
    await expect(result).rejects.toBe(reason);
    expect(clock.sleeping).toBe(0);
  });

  it("takes a caller's timeout for a timeout", async () => {
    const { caller, result } = start(never);
    caller.abort(new DOMException("late", "TimeoutError"));
    await expect(result).rejects.toMatchObject({ name: "PortError", code: "timed-out" });
  });

  it("does not begin for a caller who has given up", async () => {
    const caller = new AbortController();
    caller.abort(new Error("gone"));
    let begun = false;
    const { result } = start(() => {
      begun = true;
      return never();
    }, caller);
    await expect(result).rejects.toThrow("gone");
    expect(begun).toBe(false);
  });
});
