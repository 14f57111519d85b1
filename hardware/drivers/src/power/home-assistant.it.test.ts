import { frontRig } from "../testing/front-rig.js";
import { startPlug } from "../testing/plug-rig.js";
import { describePowerPort } from "../testing/power-conformance.js";
import { driver } from "./home-assistant.js";

const TOKEN = { file: "/etc/outrider/secrets/home-assistant" };

describePowerPort("home-assistant", () =>
  frontRig({
    driver,
    lacks: ["host", "refusal"],
    slotOption: "entity",
    secrets: { [TOKEN.file]: "canary-of-plugs" },
    start: (front) => startPlug("home-assistant", front),
    optionsOf: ({ port }, slot) => ({
      url: `http://127.0.0.1:${port}`,
      entity: `switch.slot_${slot === 99 ? "none" : slot}`,
      token: TOKEN,
      unencrypted: true,
    }),
  }),
);
