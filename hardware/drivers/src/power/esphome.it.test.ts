import { frontRig } from "../testing/front-rig.js";
import { startPlug } from "../testing/plug-rig.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { driver } from "./esphome.js";

describePowerPort("esphome", () =>
  frontRig({
    driver,
    lacks: ["host", "refusal"],
    slotOption: "switch",
    start: (front) => startPlug("esphome", front),
    optionsOf: ({ port }, slot) => ({ url: `http://127.0.0.1:${port}`, switch: `relay_${slot}` }),
  }),
);
