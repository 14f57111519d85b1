import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  joinDeviceGuest,
  lacksDeviceGuest,
  STUB_BUS,
  type DeviceGuest,
} from "../testing/device-guest-rig.js";
import { kernelDriver } from "../testing/kernel-driver.js";
import { never } from "../testing/port-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { stubSensorRig } from "../testing/stub-sensor-rig.js";

const skip = await lacksDeviceGuest("a chip of the kernel's hwmon");
const ADDRESS = 0x49;

describe.skipIf(skip)("on Linux", () => {
  describeSensorPort("hwmon", async () => {
    const guest = await joinDeviceGuest();
    const stub = await stubSensorRig(
      {
        driver: "lm75",
        address: ADDRESS,
        always: { bytes: { 1: 0 }, words: { 2: 0x4b00, 3: 0x5000 } },
        measurements: [
          { words: { 0: 0x3080 }, sample: { temperatureCelsius: 48.5 } },
          { words: { 0: 0xe700 }, sample: { temperatureCelsius: -25 } },
        ],
      },
      guest,
    );
    await using stack = new AsyncDisposableStack();
    stack.use(guest);
    stack.use(await kernelDriver(guest, "lm75", "lm75", ADDRESS));
    const closing = stack.move();
    return {
      ...stub,
      open: () =>
        guest.open("sensor", { driver: "hwmon", options: { name: "lm75", device: "0-0049" } }),
      [Symbol.asyncDispose]: () => closing[Symbol.asyncDispose](),
    };
  });

  describe("hwmon", { timeout: 60_000 }, () => {
    let guest: DeviceGuest;
    beforeAll(async () => {
      guest = await joinDeviceGuest();
      await guest.lock(`chip ${ADDRESS}`);
    });
    afterAll(async () => {
      await guest[Symbol.asyncDispose]();
    });

    it("is named by the driver of a chip that the kernel has, and by the error for one that it lost", async () => {
      await guest.poke(ADDRESS, 1, 0);
      const options = { name: "lm75", temperature: "temp1" };
      {
        await using _ = await kernelDriver(guest, "lm75", "lm75", ADDRESS);
        await using port = await guest.open("sensor", { driver: "hwmon", options });
        expect(typeof (await port.read(never)).temperatureCelsius).toBe("number");
        await using raw = await guest.open("sensor", {
          driver: "lm75",
          options: { bus: STUB_BUS, address: ADDRESS },
        });
        const error = raw.read(never);
        await expect(error).rejects.toMatchObject({ code: "refused" });
        await expect(error).rejects.toThrow("use sensor/hwmon");
      }
      await using port = await guest.open("sensor", { driver: "hwmon", options });
      await expect(port.read(never)).rejects.toMatchObject({ code: "unreachable" });
    });
  });
});
