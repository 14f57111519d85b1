import { seconds } from "@outrider/contracts/clock";
import { VirtualClock } from "@outrider/testing/virtual-clock";
import { beforeEach, describe, expect, it } from "vitest";
import { openInTime } from "./open-in-time.js";

/** A port that takes its time and does not heed the signal. */
class Port implements AsyncDisposable {
  closed = 0;
  constructor(private readonly fails = false) {}
  async [Symbol.asyncDispose](): Promise<void> {
    this.closed += 1;
    if (this.fails) throw new Error("will not close");
  }
}

describe("opening in time", () => {
  let clock: VirtualClock;
  let given: AbortController;
  const stuck: unknown[] = [];

  beforeEach(() => {
    clock = new VirtualClock();
    given = new AbortController();
    stuck.length = 0;
  });

  const opening = (port: Port, takes: number): Promise<Port> => {
    const opened = openInTime({
      clock,
      limit: seconds(10),
      signal: given.signal,
      what: "The driver",
      open: async () => {
        await clock.sleep(seconds(takes));
        return port;
      },
      stuck: (error) => void stuck.push(error),
    });
    opened.catch(() => undefined);
    return opened;
  };

  it("hands over what comes in time, open", async () => {
    const port = new Port();
    const opened = opening(port, 9);
    await clock.advance(seconds(9));
    expect(await opened).toBe(port);
    await clock.advance(seconds(60));
    given.abort(new Error("closed"));
    expect(port.closed).toBe(0);
  });

  it("closes what comes after the deadline", async () => {
    const port = new Port();
    const opened = opening(port, 30);
    await clock.advance(seconds(10));
    await expect(opened).rejects.toMatchObject({ code: "timed-out" });
    expect(port.closed).toBe(0);
    await clock.advance(seconds(20));
    expect(port.closed).toBe(1);
  });

  it("closes what comes after it was given up, and says when that fails", async () => {
    const port = new Port(true);
    const opened = opening(port, 5);
    await clock.advance(seconds(1));
    given.abort(new Error("the endpoint is closed"));
    await expect(opened).rejects.toThrow("the endpoint is closed");
    await clock.advance(seconds(4));
    expect(port.closed).toBe(1);
    expect(stuck).toMatchObject([{ message: "will not close" }]);
  });
});
