import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DetectedGpioChip } from "@outrider/transports/gpio-chip";
import type { DetectedChip } from "./i2c-detect.js";
import type { GpioFindings } from "./detect-gpio-lines.js";
import type { ChipProposal } from "./detect-i2c-chips.js";
import {
  joinDeviceGuest,
  lacksDeviceGuest,
  STUB_BUS,
  type DeviceGuest,
} from "./testing/device-guest-rig.js";
import { never } from "./testing/port-rig.js";

const skip = await lacksDeviceGuest("devices of a Linux host");

describe.skipIf(skip)("devices of a Linux host", { timeout: 60_000 }, () => {
  let guest: DeviceGuest;
  beforeAll(async () => {
    guest = await joinDeviceGuest();
    // All that others test on chips waits.
    for (const chip of [0x20, 0x21, 0x2f, 0x40, 0x41, 0x42, 0x44, 0x48, 0x49, 0x4a])
      await guest.lock(`chip ${chip}`);
  });
  afterAll(async () => {
    await guest[Symbol.asyncDispose]();
  });

  it("are found: chips by what they say of themselves, others by where they are, none written", async () => {
    await guest.poke(0x41, 0xfe, 0x4954, "w");
    await guest.poke(0x41, 0xff, 0x6022, "w");
    await guest.poke(0x40, 0xfe, 0, "w");
    await guest.poke(0x20, 2, 0xa5);
    const found = await guest.call<DetectedChip[]>(
      "drivers/dist/testing/detect-in-guest.js",
      "chipsOn",
      STUB_BUS,
    );
    const at = (address: number) => found.find((chip) => chip.address === address);
    expect(found.map(({ address }) => address)).toEqual([
      0x20, 0x21, 0x2f, 0x40, 0x41, 0x42, 0x44, 0x48, 0x49, 0x4a,
    ]);
    expect(at(0x41)).toMatchObject({ parts: ["ina226"], identified: true, kernel: false });
    expect(at(0x40)).toMatchObject({ parts: ["ina219"], identified: false });
    expect(at(0x20)?.parts).toContain("pca9555");
    expect(await guest.peek(0x20, 2)).toBe(0xa5);
  });

  // Loads a driver for each chip, which an emulated processor takes its time for.
  it("are proposed with the driver that they are for", { timeout: 240_000 }, async () => {
    await guest.poke(0x41, 0xfe, 0x4954, "w");
    await guest.poke(0x41, 0xff, 0x6022, "w");
    const proposed = await guest.call<ChipProposal[]>(
      "drivers/dist/testing/propose-in-guest.js",
      "proposedChips",
    );
    expect(proposed.find(({ options }) => options["address"] === 0x41)).toMatchObject({
      port: "sensor",
      driver: "ina226",
      options: { bus: "i2c-0" },
      confidence: "high",
    });
  });

  it("are found: GPIO lines with who has them", async () => {
    await using _ = await guest.open("digital-input", {
      driver: "gpio",
      options: { chip: "AMDIF031:00", line: 2 },
    });
    const chips = await guest.call<DetectedGpioChip[]>(
      "transports/dist/gpio-chip.js",
      "detectGpioChips",
    );
    expect(chips).toMatchObject([{ label: "AMDIF031:00", lines: 24, path: "/dev/gpiochip0" }]);
    expect(chips[0]?.offsets[2]).toMatchObject({
      direction: "input",
      consumer: expect.stringMatching(/^outrider\/pid \d+$/) as string,
    });
    const { proposals, failed } = await guest.call<GpioFindings>(
      "drivers/dist/detect-gpio-lines.js",
      "detectGpioProposals",
    );
    expect(proposals).toMatchObject([{ driver: "gpio", options: { chip: "AMDIF031:00" } }]);
    expect(proposals[0]?.options["line"]).not.toBe(2);
    expect(failed).toEqual([]);
  });

  it("that may not be opened are told of, with what to do", { timeout: 240_000 }, async () => {
    const program = "/app/node_modules/@outrider/drivers/dist/testing/detect-as-nobody.js";
    const rule = (subsystem: string, group: string): string =>
      `may not be opened. It is open to root only. A rule of udev gives it to a group that the user of the agent is in: SUBSYSTEM=="${subsystem}", GROUP="${group}", MODE="0660".`;
    expect(JSON.parse(await guest.run("/node", program))).toEqual({
      gpio: {
        proposals: [],
        failed: [`The GPIO chip /dev/gpiochip0 is there and ${rule("gpio", "gpio")}`],
      },
      i2c: {
        proposals: [],
        failed: [`The I²C bus /dev/i2c-0 (${STUB_BUS}) is there and ${rule("i2c-dev", "i2c")}`],
      },
    });
  });

  it.each([
    [{ bus: "i2c-7" }, "unreachable", "dtparam=i2c_arm=on"],
    [{ bus: "bcm2835 (i2c@7e804000)" }, "unreachable", `There are: ${STUB_BUS} (/dev/i2c-0)`],
    [{ bus: STUB_BUS, address: 0x4e }, "unreachable", "Check its supply"],
    [{ bus: STUB_BUS, address: 0x40 }, "protocol", "it says maker 0x0000"],
  ])("say what is wrong with %j", async (options, code, words) => {
    const reading = (async () => {
      await using port = await guest.open("sensor", {
        driver: "ina260",
        options: { address: 0x40, ...options },
      });
      return await port.read(never);
    })();
    await expect(reading).rejects.toMatchObject({ name: "PortError", code });
    await expect(reading).rejects.toThrow(words);
  });

  it("cannot make plain transfers on an SMBus adapter, which is said", async () => {
    await using port = await guest.open("sensor", {
      driver: "sht3x",
      options: { bus: STUB_BUS, address: 0x44 },
    });
    await expect(port.read(never)).rejects.toMatchObject({ code: "unsupported" });
  });
});
