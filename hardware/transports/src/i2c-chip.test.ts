import { ManualClock } from "@outrider/ports/testing/manual-clock";
import { describe, expect, it, vi } from "vitest";
import { I2cBus } from "./i2c-bus.js";
import { I2cChip, identified } from "./i2c-chip.js";

const never = new AbortController().signal;

function chip(): I2cChip {
  const silent = {
    transfer: async () => Uint8Array.of(0),
    [Symbol.asyncDispose]: async () => {},
  };
  return new I2cChip(new I2cBus("The I²C bus /dev/i2c-9", silent, new ManualClock()), 0x40, "X1");
}

describe("an identified chip", () => {
  it("is asked what it is once, and again after whatever went wrong", async () => {
    const identify = vi.fn(async () => {});
    const alone = identified(chip(), identify);
    expect(await alone(never, async () => 1)).toBe(1);
    expect(await alone(never, async () => 2)).toBe(2);
    expect(identify).toHaveBeenCalledTimes(1);
    const failing = alone(never, async () => {
      throw new Error("its wire fell off");
    });
    await expect(failing).rejects.toThrow("fell off");
    await alone(never, async () => {});
    expect(identify).toHaveBeenCalledTimes(2);
  });

  it("is not worked with when it is another one, nor for somebody who has given up", async () => {
    const work = vi.fn(async () => {});
    const other = identified(chip(), async (one) => {
      throw one.wrong("it says that it is another");
    });
    await expect(other(never, work)).rejects.toMatchObject({ code: "protocol" });
    const reason = new Error("given up");
    await expect(identified(chip())(AbortSignal.abort(reason), work)).rejects.toBe(reason);
    expect(work).not.toHaveBeenCalled();
  });
});
