import { setImmediate as turn } from "node:timers/promises";
import type { DriverContext } from "@outrider/ports/driver";
import { PortError } from "@outrider/ports/port-error";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { expect } from "vitest";
import { driverContext } from "./context.js";

/** A driver on a device that keeps its own state: what tests assert on. */
export interface PortRig<P extends AsyncDisposable> extends AsyncDisposable {
  /** Opens the endpoint as an agent does, with what it needs. */
  open(context: DriverContext): Promise<P>;
  /** From now on the device takes what it is asked, does nothing and answers nothing; undone with false. */
  silence?(silent: boolean): Promise<void>;
}

const ENDED = new Error("it has ended");
export const never: AbortSignal = new AbortController().signal;

/** What a promise comes to, with time going on as fast as it can be waited for. */
export async function inTime<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  const settled = new AbortController();
  const end = (): void => settled.abort(ENDED);
  promise.then(end, end);
  while (!settled.signal.aborted) {
    // So that what comes over sockets has had its turn before time goes on.
    for (let turns = 0; turns < 20; turns += 1) await turn();
    clock.advance(250);
  }
  return promise;
}

/** What every port must do where its device says nothing: time out by itself, and end at once when it is told to. */
export async function survivesSilence<P extends AsyncDisposable>(
  rig: PortRig<P>,
  ask: (port: P, signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  if (!rig.silence) return;
  const clock = new ManualClock();
  await using port = await rig.open(driverContext({ clock }));
  await rig.silence(true);
  try {
    const error = await inTime(clock, ask(port, never)).then(
      () => expect.unreachable("a silent device was believed"),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(PortError);
    expect(error).toMatchObject({ code: "timed-out" });
    const given = new AbortController();
    const reason = new Error("given up");
    const asked = ask(port, given.signal);
    asked.catch(() => undefined);
    await turn();
    given.abort(reason);
    // Time stands still: it does not end because its deadline has passed.
    await expect(asked).rejects.toBe(reason);
  } finally {
    await rig.silence(false);
  }
}
