import { describe } from "vitest";
import { mustSkip } from "@outrider/simulators/peers";
import { mqttRig } from "../testing/mqtt-rig.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { driver } from "./tasmota.js";

const skip = mustSkip("plugs on mosquitto", { mosquitto: "mosquitto" });

describe.skipIf(skip)("on mosquitto", () => {
  describePowerPort("tasmota", () =>
    mqttRig(driver, "tasmota", (slot) => ({ topic: `plug-${slot}`, cycleSeconds: 1 })),
  );
});
