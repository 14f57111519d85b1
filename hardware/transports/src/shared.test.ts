import { systemClock } from "@outrider/contracts/clock";
import type { Clock } from "@outrider/ports/time";
import { describe, expect, it, vi } from "vitest";
import { SharedByClock, SharedDevices } from "./shared.js";

class Thing implements Disposable {
  disposed = false;
  [Symbol.dispose](): void {
    this.disposed = true;
  }
}

describe("things of which each key has one", () => {
  it("are shared under one key and one clock, and end with their last user", () => {
    const shared = new SharedByClock<Thing>();
    const other: Clock = { ...systemClock };
    const first = shared.take(systemClock, "a", () => new Thing());
    const second = shared.take(systemClock, "a", () => new Thing());
    expect(second.value).toBe(first.value);
    expect(shared.take(other, "a", () => new Thing()).value).not.toBe(first.value);
    expect(shared.take(systemClock, "b", () => new Thing()).value).not.toBe(first.value);

    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(second.value.disposed).toBe(false);
    second[Symbol.dispose]();
    expect(second.value.disposed).toBe(true);
    expect(shared.take(systemClock, "a", () => new Thing()).value).not.toBe(first.value);
  });
});

describe("devices of which each key has one", () => {
  it("are not made anew before the one before is closed", async () => {
    const closed = Promise.withResolvers<void>();
    const devices = new SharedDevices<AsyncDisposable>();
    const make = vi.fn(() => ({ [Symbol.asyncDispose]: () => closed.promise }));
    const first = await devices.take("bus", make);
    const second = await devices.take("bus", make);
    expect(second.value).toBe(first.value);

    await first[Symbol.asyncDispose]();
    const closing = second[Symbol.asyncDispose]();
    const next = devices.take("bus", make);
    await Promise.resolve();
    expect(make).toHaveBeenCalledTimes(1);
    closed.resolve();
    await closing;
    expect((await next).value).not.toBe(first.value);
    expect(make).toHaveBeenCalledTimes(2);
  });
});
