import { describe } from "vitest";
import { mustSkip } from "@outrider/simulators/peers";
import { mqttRig } from "../testing/mqtt-rig.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { driver } from "./zigbee2mqtt.js";

const skip = mustSkip("plugs on mosquitto", { mosquitto: "mosquitto" });

describe.skipIf(skip)("on mosquitto", () => {
  describePowerPort("zigbee2mqtt", () =>
    mqttRig(driver, "zigbee2mqtt", (slot) => ({ device: `plug-${slot}` })),
  );
});
