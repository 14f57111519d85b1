import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DigitalOutputPort } from "@outrider/ports/digital-output-port";
import {
  GUEST_CHIP,
  joinDeviceGuest,
  lacksDeviceGuest,
  type DeviceGuest,
} from "../testing/device-guest-rig.js";
import { describeDigitalOutputPort } from "../testing/digital-output-conformance.js";
import { never } from "../testing/port-rig.js";

const skip = await lacksDeviceGuest("outputs of a GPIO chip");

const LINE = 3;
const open = (guest: DeviceGuest, options: object, agent?: "second"): Promise<DigitalOutputPort> =>
  guest.open(
    "digital-output",
    { driver: "gpio", options: { chip: GUEST_CHIP, ...options } },
    agent,
  );

describe.skipIf(skip)("on Linux", () => {
  describeDigitalOutputPort("gpio", async () => {
    const guest = await joinDeviceGuest();
    await guest.lock("second");
    return {
      open: () => open(guest, { line: LINE }),
      openSecond: () => open(guest, { line: LINE }, "second"),
      killSecond: () => guest.killSecond(),
      active: async () => guest.gpio.isOutput(LINE) && guest.gpio.output(LINE),
      force: async (active) => guest.gpio.setOutput(LINE, active),
      [Symbol.asyncDispose]: () => guest[Symbol.asyncDispose](),
    };
  });

  describe("gpio", { timeout: 60_000 }, () => {
    let guest: DeviceGuest;
    beforeAll(async () => {
      guest = await joinDeviceGuest();
    });
    afterAll(async () => {
      await guest[Symbol.asyncDispose]();
    });

    it("drives an active line low when it is told that low is active", async () => {
      await using port = await open(guest, { line: 4, activeLow: true, initial: "inactive" });
      expect([guest.gpio.isOutput(4), guest.gpio.output(4)]).toEqual([true, true]);
      await port.set(true, never);
      expect(guest.gpio.output(4)).toBe(false);
      expect(await port.read(never)).toBe(true);
    });

    it("takes a line that was an input at the level that it had", async () => {
      guest.gpio.drive(6, true);
      await using port = await open(guest, { line: 6 });
      expect([guest.gpio.isOutput(6), guest.gpio.output(6)]).toEqual([true, true]);
      expect(await port.read(never)).toBe(true);
    });

    it("is set in one step with taking it where the options say so", async () => {
      await using _ = await open(guest, { line: 7, initial: "active" });
      expect([guest.gpio.isOutput(7), guest.gpio.output(7)]).toEqual([true, true]);
    });

    it.each([
      [{ line: 24 }, "invalid-options", "it has the lines 0 to 23"],
      [{ name: "GPIO17" }, "invalid-options", "there is no such line"],
      [{ chip: "pinctrl-rp1", line: 3 }, "unreachable", `There are: ${GUEST_CHIP} (gpiochip0)`],
      [{ line: 3, name: "GPIO17" }, "invalid-options", "one of the options line and name"],
    ])("says what is wrong with %j", async (options, code, words) => {
      const opening = open(guest, options);
      await expect(opening).rejects.toMatchObject({ name: "PortError", code });
      await expect(opening).rejects.toThrow(words);
    });

    it("says who else has the line", async () => {
      await guest.run("/tmp/busybox", "sh", "-c", "echo 1000 >/sys/class/gpio/export");
      try {
        await expect(open(guest, { line: 0 })).rejects.toThrow("belongs to sysfs");
      } finally {
        await guest.run("/tmp/busybox", "sh", "-c", "echo 1000 >/sys/class/gpio/unexport");
      }
    });
  });
});
