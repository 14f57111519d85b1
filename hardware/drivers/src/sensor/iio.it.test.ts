import { describe } from "vitest";
import { joinDeviceGuest, lacksDeviceGuest } from "../testing/device-guest-rig.js";
import { kernelDriver } from "../testing/kernel-driver.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { stubSensorRig } from "../testing/stub-sensor-rig.js";

const skip = await lacksDeviceGuest("a converter of the kernel's IIO");
const ADDRESS = 0x4a;
const MODULES = "industrialio kfifo_buf industrialio-triggered-buffer ti-ads1015";

describe.skipIf(skip)("on Linux", () => {
  describeSensorPort("iio", async () => {
    const guest = await joinDeviceGuest();
    const stub = await stubSensorRig(
      {
        driver: "ads1115",
        address: ADDRESS,
        always: { words: { 1: 0x8583 } },
        measurements: [
          // The kernel's own range is 2.048 V at first.
          { words: { 0: 8000 }, sample: { voltageVolts: 5.5 } },
          { words: { 0: 16_000 }, sample: { voltageVolts: 11 } },
        ],
      },
      guest,
    );
    await using stack = new AsyncDisposableStack();
    stack.use(guest);
    stack.use(await kernelDriver(guest, MODULES, "ads1115", ADDRESS));
    const closing = stack.move();
    return {
      ...stub,
      open: () =>
        guest.open("sensor", {
          driver: "iio",
          options: { name: "ads1015", channel: "in_voltage0", dividedBy: 11 },
        }),
      [Symbol.asyncDispose]: () => closing[Symbol.asyncDispose](),
    };
  });
});
