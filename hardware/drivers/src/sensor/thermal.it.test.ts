import { afterAll, describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { never } from "../testing/port-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { sysfsTree } from "../testing/sysfs-tree.js";
import { openThermal } from "./thermal.js";

const zone = "class/thermal/thermal_zone1";
const tree = sysfsTree({
  "class/thermal/thermal_zone0/type": "gpu-thermal",
  "class/thermal/thermal_zone0/temp": 1,
  [`${zone}/type`]: "cpu-thermal",
  [`${zone}/temp`]: 48_312,
});
afterAll(() => tree[Symbol.dispose]());

describeSensorPort("thermal", async () => {
  let now = 40_000;
  return {
    open: (context) => openThermal({ type: "cpu-thermal" }, context, tree.root),
    measure: async () => {
      tree.set(`${zone}/temp`, (now += 500));
      return { temperatureCelsius: now / 1000 };
    },
    [Symbol.asyncDispose]: async () => {},
  };
});

describe("thermal", () => {
  it("names the zones that there are when there is none of that type", async () => {
    const port = await openThermal({ type: "npu-thermal" }, driverContext(), tree.root);
    await expect(port.read(never)).rejects.toMatchObject({ code: "unreachable" });
    await expect(port.read(never)).rejects.toThrow("gpu-thermal");
  });
});
