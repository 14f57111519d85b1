import type { I2cTransfer } from "@outrider/transports/i2c-bus";
import type { I2cLibraryName } from "@outrider/transports/i2c-buses";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { joinDeviceGuest, type DeviceGuest } from "./device-guest-rig.js";
import { kernelDriver } from "./kernel-driver.js";

const BUS = "/dev/i2c-0";
/** A chip of the stub, and an address where nobody is. */
const CHIP = 0x4a;
const NOBODY = 0x4e;

type Asked = I2cTransfer extends infer T
  ? T extends I2cTransfer
    ? Omit<T, "address"> & { readonly address?: number }
    : never
  : never;

/** What everything that makes transfers must do, proved by what busybox reads and writes past it. */
export function describeI2cBackEnd(library: I2cLibraryName): void {
  describe(`${library} as a back end of I²C`, { timeout: 60_000 }, () => {
    let guest: DeviceGuest;
    beforeAll(async () => {
      guest = await joinDeviceGuest();
      await guest.lock(`chip ${CHIP}`);
    });
    afterAll(async () => {
      await guest[Symbol.asyncDispose]();
    });

    const onBus = (path: string, ...asked: readonly Asked[]) =>
      guest.call<number[][]>(
        "drivers/dist/testing/i2c-in-guest.js",
        "transfers",
        library,
        path,
        asked.map((one) => ({ address: CHIP, ...one })),
      );
    const transfer = (...asked: readonly Asked[]) => onBus(BUS, ...asked);

    it("reads bytes, words with the low byte first, and blocks", async () => {
      await guest.poke(CHIP, 0x10, 0xa5);
      await guest.poke(CHIP, 0x20, 0xbeef, "w");
      for (const [register, value] of [11, 22, 33].entries())
        await guest.poke(CHIP, 0x30 + register, value);
      expect(
        await transfer(
          { kind: "read-byte", register: 0x10 },
          { kind: "read-word", register: 0x20 },
          { kind: "read-block", register: 0x30, bytes: 3 },
        ),
      ).toEqual([[0xa5], [0xef, 0xbe], [11, 22, 33]]);
    });

    it("writes bytes and words, and says nothing to it", async () => {
      await guest.poke(CHIP, 0x12, 0);
      await guest.poke(CHIP, 0x22, 0, "w");
      expect(
        await transfer(
          { kind: "write-byte", register: 0x12, value: 0x5a },
          { kind: "write-word", register: 0x22, value: 0x1234 },
        ),
      ).toEqual([[], []]);
      expect(await guest.peek(CHIP, 0x12)).toBe(0x5a);
      expect(await guest.peek(CHIP, 0x22, "w")).toBe(0x1234);
    });

    it("sends and receives bytes without a register", async () => {
      await guest.poke(CHIP, 0x44, 0x77);
      // To the stub a byte is the register that it goes on from.
      expect(await transfer({ kind: "send-byte", value: 0x44 }, { kind: "receive-byte" })).toEqual([
        [],
        [0x77],
      ]);
    });

    it("makes many that are asked for at once, each with its own answer", async () => {
      const registers = Array.from({ length: 16 }, (_, n) => 0x60 + n);
      const asked = registers.map(
        (register) => ({ kind: "write-byte", register, value: register * 2 }) as const,
      );
      await transfer(...asked);
      const answers = await transfer(
        ...registers.map((register) => ({ kind: "read-byte", register }) as const),
      );
      expect(answers.flat()).toEqual(registers.map((register) => register * 2));
    });

    it.each([
      ["a chip that is not there", BUS, { address: NOBODY }, "unreachable", "Check its supply"],
      ["a bus that is not there", "/dev/i2c-7", {}, "unreachable", "dtparam=i2c_arm=on"],
    ])("says what to do about %s", async (_, path, where, code, words) => {
      const asked = onBus(path, { kind: "read-byte", register: 0, ...where });
      await expect(asked).rejects.toMatchObject({ name: "PortError", code });
      await expect(asked).rejects.toThrow(words);
    });

    it("says that an adapter makes no plain transfers", async () => {
      const asked = transfer({ kind: "exchange", write: [0x24, 0] as never, bytes: 6 });
      await expect(asked).rejects.toMatchObject({ code: "unsupported" });
      await expect(asked).rejects.toThrow("choose another bus");
    });

    it("leaves a chip to the kernel that has it", async () => {
      {
        await using _ = await kernelDriver(guest, "lm75", "lm75", CHIP);
        const asked = transfer({ kind: "read-word", register: 0 });
        await expect(asked).rejects.toMatchObject({ code: "refused" });
        await expect(asked).rejects.toThrow("sensor/hwmon");
      }
      expect(await transfer({ kind: "read-byte", register: 0x10 })).toHaveLength(1);
    });
  });
}
