import { mustSkip } from "@outrider/simulators/peers";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { driverContext } from "../testing/context.js";
import { ipmiSimRig } from "../testing/ipmi-sim.js";
import { never } from "../testing/port-rig.js";
import { describeSensorPort } from "../testing/sensor-conformance.js";
import { driver } from "./ipmi.js";

const skip = mustSkip("sensors by IPMI", { ipmitool: "ipmitool", ipmi_sim: "openipmi" });

describe.skipIf(skip)("ipmi_sim", () => {
  describeSensorPort("ipmi", async () => {
    const rig = await ipmiSimRig(driver, { temperature: "CPU Temp" });
    let celsius = 41;
    const measure = async () => {
      celsius += 3;
      rig.heat(celsius);
      // The simulator looks at its sensor ten times a second.
      await sleep(500);
      return { temperatureCelsius: celsius };
    };
    return Object.assign(rig, { measure });
  });

  it("says what is not there, and what is another quantity", async () => {
    await using rig = await ipmiSimRig(driver, { temperature: "GPU", power: "CPU Temp" });
    await using port = await rig.open(driverContext());
    expect(await port.read(never)).toEqual({
      temperatureCelsius: "NotPresent",
      powerWatts: "NoReading",
    });
  });
});
