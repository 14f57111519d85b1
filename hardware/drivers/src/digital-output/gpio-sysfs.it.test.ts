import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GUEST_CHIP, lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { describeDigitalOutputPort } from "../testing/digital-output-conformance.js";
import { gpioSysfsGuest } from "../testing/gpio-sysfs-rig.js";
import { lacksNativePackages } from "../testing/native-packages.js";
import { never } from "../testing/port-rig.js";

const skip =
  (await lacksDeviceGuest("outputs of sysfs")) || (await lacksNativePackages("outputs by onoff"));

const LINE = 12;

describe.skipIf(skip)("on Linux", () => {
  describeDigitalOutputPort("gpio-sysfs", async () => {
    const rig = await gpioSysfsGuest([LINE]);
    await rig.guest.lock("second");
    const { guest } = rig;
    return {
      open: () => rig.open("digital-output", { line: LINE }),
      openSecond: () => rig.open("digital-output", { line: LINE }, "second"),
      killSecond: () => guest.killSecond(),
      active: async () => guest.gpio.isOutput(LINE) && guest.gpio.output(LINE),
      force: async (active) => guest.gpio.setOutput(LINE, active),
      [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
    };
  });

  describe("gpio-sysfs", { timeout: 60_000 }, () => {
    let rig: Awaited<ReturnType<typeof gpioSysfsGuest>>;
    beforeAll(async () => {
      rig = await gpioSysfsGuest([13, 14, 15, 16]);
    });
    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
    });

    it("drives an active line low when it is told that low is active, in one step with taking it", async () => {
      const { gpio } = rig.guest;
      const options = { line: 13, activeLow: true, initial: "inactive" };
      await using port = await rig.open("digital-output", options);
      expect([gpio.isOutput(13), gpio.output(13)]).toEqual([true, true]);
      await port.set(true, never);
      expect(gpio.output(13)).toBe(false);
      expect(await port.read(never)).toBe(true);
    });

    it("takes over a line as another program has left it, turned round or not", async () => {
      const { gpio } = rig.guest;
      await rig.exportLine(14);
      await rig.write(14, "active_low", "1");
      await rig.write(14, "direction", "high");
      expect(gpio.output(14)).toBe(true);
      {
        await using port = await rig.open("digital-output", { line: 14 });
        expect([gpio.isOutput(14), gpio.output(14)]).toEqual([true, true]);
        expect(await port.read(never)).toBe(true);
        await port.set(false, never);
        expect(gpio.output(14)).toBe(false);
      }
      expect(await rig.isExported(14)).toBe(false);
    });

    it("drives its line again after somebody has made it an input", async () => {
      const { gpio } = rig.guest;
      await using port = await rig.open("digital-output", { line: 15, initial: "inactive" });
      await rig.write(15, "direction", "in");
      gpio.drive(15, true);
      // It says what the wire is, not what it was told.
      expect(await port.read(never)).toBe(true);
      gpio.drive(15, false);
      await port.set(true, never);
      expect([gpio.isOutput(15), gpio.output(15)]).toEqual([true, true]);
    });

    it("leaves a line alone that somebody else has", async () => {
      const declared = { driver: "gpio", options: { chip: GUEST_CHIP, line: 16 } };
      await using _ = await rig.guest.open("digital-output", declared);
      const opening = rig.open("digital-output", { line: 16 });
      await expect(opening).rejects.toMatchObject({ name: "PortError", code: "refused" });
      await expect(opening).rejects.toThrow("belongs to another program");
    });

    it.each([
      [{ line: 24 }, "invalid-options", "it has the lines 0 to 23"],
      [{ line: 3, chip: "pinctrl-bcm2835" }, "unreachable", `There are: ${GUEST_CHIP}`],
    ])("says what is wrong with %j", async (options, code, words) => {
      const opening = rig.open("digital-output", options);
      await expect(opening).rejects.toMatchObject({ name: "PortError", code });
      await expect(opening).rejects.toThrow(words);
    });
  });
});
