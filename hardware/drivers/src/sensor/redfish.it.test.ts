import { describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { never } from "../testing/port-rig.js";
import { redfishRig } from "../testing/redfish-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { sushy } from "../testing/sushy.js";
import { driver } from "./redfish.js";

const bin = await sushy();
const NAMES = { temperature: "Chassis Intake Temp", fan: "BaseBoard System Fan" };

describe.skipIf(bin === undefined)("sushy-emulator", () => {
  describeSensorPort("redfish", async () => {
    const rig = await redfishRig(bin ?? "", driver, NAMES);
    // The emulator measures the same all its life.
    const measure = async () => ({ temperatureCelsius: 25, fanRevolutionsPerMinute: 2100 });
    return Object.assign(rig, { measure });
  });

  it("says what is not there, and that the emulator measures no draw", async () => {
    await using rig = await redfishRig(bin ?? "", driver, { temperature: "GPU", power: true });
    await using port = await rig.open(driverContext());
    expect(await port.read(never)).toEqual({
      temperatureCelsius: "NotPresent",
      powerWatts: "NotPresent",
    });
  });
});
