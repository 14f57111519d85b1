import { BIOS_PEERS, mustSkip } from "@outrider/simulators/peers";
import { startChassis } from "@outrider/simulators/spawn";
import { describe } from "vitest";
import { describeConsolePort } from "../testing/console-conformance.js";
import { slotConsoleRig } from "../testing/slot-console-rig.js";
import { driver } from "./qemu.js";

describe.skipIf(mustSkip("the qemu console driver", BIOS_PEERS))("on a chassis", () => {
  describeConsolePort("qemu", () =>
    slotConsoleRig({
      driver,
      start: (dir) => startChassis({ dir, slots: [{ flavour: "bios" }] }),
      optionsOf: (dir) => ({ directory: dir, slot: 1 }),
      socket: "chassis.sock",
      ready: "Outrider boot",
      // The guest echoes each key, and takes h, p and r for commands.
      dialogue: { type: "zq", expect: /zq/ },
      takesAll: false,
    }),
  );
});
