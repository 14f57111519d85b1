import { PortError } from "@outrider/ports/port-error";
import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { describe, expect, it } from "vitest";
import { I2cBus, I2cError, type I2cTransfer } from "./i2c-bus.js";

const never = new AbortController().signal;
const read = (address: number): I2cTransfer => ({ kind: "read-byte", address, register: 0 });
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

function bus() {
  const clock = new ManualClock();
  const made: number[] = [];
  const waiting: PromiseWithResolvers<Uint8Array>[] = [];
  const backEnd = {
    transfer: ({ address }: I2cTransfer) => {
      made.push(address);
      const answer = Promise.withResolvers<Uint8Array>();
      waiting.push(answer);
      return answer.promise;
    },
    [Symbol.asyncDispose]: async () => {},
  };
  return { clock, made, waiting, bus: new I2cBus("The I²C bus /dev/i2c-9", backEnd, clock) };
}

describe("I2cBus", () => {
  it("makes one transfer after the other, in order", async () => {
    const { made, waiting, bus: one } = bus();
    const answers = Promise.all([one.transfer(read(1), never), one.transfer(read(2), never)]);
    await turns();
    expect(made).toEqual([1]);
    waiting[0]?.resolve(Uint8Array.of(7));
    await turns();
    expect(made).toEqual([1, 2]);
    waiting[1]?.resolve(Uint8Array.of(8));
    expect(await answers).toEqual([Uint8Array.of(7), Uint8Array.of(8)]);
  });

  it("tells all who wait when it is stuck, and everybody else soon; and works again when it ends", async () => {
    const { clock, made, waiting, bus: one } = bus();
    const both = [one.transfer(read(1), never), one.transfer(read(2), never)].map((each) =>
      each.catch((error: unknown) => error),
    );
    await turns();
    clock.advance(1600);
    for (const error of await Promise.all(both)) {
      expect(error).toBeInstanceOf(PortError);
      expect(error).toMatchObject({ code: "timed-out" });
    }
    const third = one.transfer(read(3), never);
    clock.advance(300);
    await expect(third).rejects.toMatchObject({ code: "timed-out" });
    await expect(third).rejects.toThrow("/dev/i2c-9 is stuck");
    expect(made).toEqual([1]);
    waiting[0]?.resolve(Uint8Array.of(1));
    await turns();
    const after = one.transfer(read(4), never);
    await turns();
    expect(made).toEqual([1, 4]);
    waiting[1]?.resolve(Uint8Array.of(9));
    expect(await after).toEqual(Uint8Array.of(9));
  });

  it("does not make a transfer whose caller has given up while it waited", async () => {
    const { made, waiting, bus: one } = bus();
    const first = one.transfer(read(1), never);
    const given = new AbortController();
    const reason = new Error("given up");
    const second = one.transfer(read(2), given.signal);
    second.catch(() => {});
    await turns();
    given.abort(reason);
    await expect(second).rejects.toBe(reason);
    waiting[0]?.resolve(Uint8Array.of(1));
    await first;
    expect(made).toEqual([1]);
  });

  it.each([
    ["no-answer", "unreachable", "0x40"],
    ["busy", "refused", "sensor/hwmon"],
    ["timed-out", "timed-out", "pull-ups"],
    ["not-supported", "unsupported", "another bus"],
    ["no-bus", "unreachable", "dtparam=i2c_arm=on"],
    ["denied", "refused", "group i2c"],
  ] as const)("says what to do about %s", async (fault, code, words) => {
    const { waiting, bus: one } = bus();
    const asked = one.transfer(read(0x40), never).catch((error: unknown) => error);
    await turns();
    waiting[0]?.reject(new I2cError(fault, "why"));
    const error = (await asked) as PortError;
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
  });
});
