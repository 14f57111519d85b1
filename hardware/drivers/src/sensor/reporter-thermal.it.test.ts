import { openDriver } from "@outrider/ports/driver";
import { afterAll, describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { never } from "../testing/port-rig.js";
import { lacksReporter, startReporter } from "../testing/reporter-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { sysfsTree } from "../testing/sysfs-tree.js";
import { driver } from "./reporter-thermal.js";

const tree = sysfsTree({
  "class/thermal/thermal_zone0/type": "acpitz",
  "class/thermal/thermal_zone0/temp": 99_000,
  "class/thermal/thermal_zone1/type": "cpu-thermal",
  "class/thermal/thermal_zone1/temp": 47_250,
  "class/thermal/thermal_zone2/type": "littlecore-thermal",
  "class/thermal/thermal_zone2/temp": 45_000,
  "class/thermal/thermal_zone3/type": "soc-thermal",
  "class/thermal/thermal_zone3/temp": "",
  "class/hwmon/hwmon0/name": "nvme",
  "class/hwmon/hwmon0/temp1_input": 71_000,
  "class/hwmon/hwmon1/name": "k10temp",
  "class/hwmon/hwmon1/temp1_input": 58_500,
});
afterAll(() => tree[Symbol.dispose]());

describe.skipIf(lacksReporter("sensor/reporter-thermal"))(
  "the processor of this machine by its reporter",
  { timeout: 60_000 },
  () => {
    describeSensorPort("reporter-thermal", async () => {
      const rig = await startReporter({ root: tree.root });
      let celsius = 47;
      return {
        open: (context) =>
          openDriver(driver, rig.options, {
            ...context,
            secret: driverContext({ secrets: rig.secrets }).secret,
          }),
        measure: async () => {
          celsius += 1;
          tree.set("class/thermal/thermal_zone1/temp", celsius * 1000);
          return { temperatureCelsius: celsius };
        },
        silence: async (silent) => rig.freeze(silent),
        [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
      };
    });

    it("goes by the hottest thermal zone that is the processor's, by hwmon where there is none, and by nothing else", async () => {
      await using rig = await startReporter({ root: tree.root });
      const context = driverContext({ secrets: rig.secrets });
      await using port = await openDriver(driver, rig.options, context);
      tree.set("class/thermal/thermal_zone1/temp", 47_250);
      expect(await port.read(never)).toEqual({ temperatureCelsius: 47.25 });
      tree.set("class/thermal/thermal_zone1/type", "iwlwifi_1");
      expect(await port.read(never)).toEqual({ temperatureCelsius: 45 });
      tree.set("class/thermal/thermal_zone2/type", "gpu-thermal");
      expect(await port.read(never)).toEqual({ temperatureCelsius: 58.5 });
      tree.set("class/hwmon/hwmon1/name", "drivetemp");
      expect(await port.read(never)).toEqual({ temperatureCelsius: "NoReading" });
    });
  },
);
