import { describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { never } from "../testing/port-rig.js";
import { sysfsTree } from "../testing/sysfs-tree.js";
import { openIio } from "./iio.js";

const FOLDER = "bus/iio/devices/iio:device0";

async function read(channel: string, files: Readonly<Record<string, number>>) {
  using tree = sysfsTree({ [`${FOLDER}/name`]: "ads1015" });
  for (const [name, value] of Object.entries(files)) tree.set(`${FOLDER}/${name}`, value);
  await using port = await openIio({ name: "ads1015", channel }, driverContext(), tree.root);
  return await port.read(never);
}

/** Names as in Linux Documentation/ABI/testing/sysfs-bus-iio and drivers/iio/industrialio-core.c. */
describe("a channel of IIO", () => {
  it("has the scale of its own type, and a differential one another than a single one", async () => {
    const scales = { in_voltage_scale: 3, "in_voltage-voltage_scale": 0.5 };
    const raws = { in_voltage0_raw: 1000, "in_voltage0-voltage1_raw": 1000 };
    const files = { ...scales, ...raws };
    expect(await read("in_voltage0", files)).toEqual({ voltageVolts: 3 });
    expect(await read("in_voltage0-voltage1", files)).toEqual({ voltageVolts: 0.5 });
  });

  it("has its own scale before that of its type", async () => {
    const files = { "in_voltage0-voltage1_raw": 1000, "in_voltage0-voltage1_scale": 2 };
    expect(await read("in_voltage0-voltage1", { ...files, "in_voltage-voltage_scale": 9 })).toEqual(
      {
        voltageVolts: 2,
      },
    );
  });

  it("has no reading without a scale, unless the kernel has computed it", async () => {
    expect(await read("in_voltage0", { in_voltage0_raw: 1000 })).toEqual({
      voltageVolts: "NoReading",
    });
    expect(
      await read("in_voltage0-voltage1", { "in_voltage0-voltage1_raw": 1000, in_voltage_scale: 3 }),
    ).toEqual({ voltageVolts: "NoReading" });
    expect(await read("in_temp", { in_temp_input: 21_000 })).toEqual({ temperatureCelsius: 21 });
  });
});
